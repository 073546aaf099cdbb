"""Changes of Apache's files brought into effect: owed until Apache serves them, rolled back if it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.apache import messages
from ansible.module_utils.strata.apache.configtest import ConfigTest, RefusedError
from ansible.module_utils.strata.apache.service import Apache, NotServingError
from ansible.module_utils.strata.owed import Owed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apache.service import Verb
    from ansible.module_utils.strata.apache.vhosts import Site


def owed() -> Owed:
    """Return what is owed while changed files are not in effect; a reboot, after which Apache reads them, ends it."""
    return Owed("httpd-reload-owed", paths.RUNTIME)


def stronger(action: Verb | None) -> Verb | None:
    """Return the action, or the one that an earlier run owes, if that is more."""
    content = owed().read()
    if content is None:
        return action
    return "restart" if action == "restart" or content == b"restart\n" else "reload"


def _not_all(lost: Sequence[str]) -> str:
    return f"Not all files are as before: {'; '.join(lost)}"


@dataclass
class Effect:
    """The way of a change to a running Apache with these sites and ports."""

    apache: Apache
    test: ConfigTest
    sites: Sequence[Site]
    ports: Sequence[int]

    def bring_about(self, changes: list[files.Change], action: Verb, *, was_active: bool) -> None:
        """Write the files and see to it that Apache serves them, or else roll the change back.

        Raises:
            RefusedError: Apache did not accept the changes.

        """
        before = owed().read()
        owed().note(b"reload\n" if action == "reload" else b"restart\n")
        try:
            files.apply(changes)
            refused = self.test.refusal()
        except OSError as error:
            self._undo(changes, before, str(error))
            raise
        if refused:
            self._undo(changes, before, refused)
            self.test.blame(refused)
        try:
            self.apache.activate(action, self.ports, self.sites)
        except NotServingError as error:
            about = " and ".join(map(str, messages.suspects(error.said, self.sites, changes)))
            fate = self._rollback(changes, was_active=was_active)
            raise RefusedError(
                f"Apache does not run with {about or 'its configuration'} ({error.what}): {error.said}\n{fate}"
            ) from error
        owed().forget()

    def _undo(self, changes: list[files.Change], before: bytes | None, why: str) -> None:
        """Undo changes that Apache has not read; what earlier runs owed is still owed.

        Raises:
            RefusedError: not all files are as before, so Apache owes what the new ones need.

        """
        if lost := files.undo(changes):
            raise RefusedError(f"{why}\n{_not_all(lost)}")
        if before is None:
            owed().forget()
        else:
            owed().note(before)

    def _rollback(self, changes: list[files.Change], *, was_active: bool) -> str:
        """Undo the changes and bring Apache into its old state; return a sentence about how that went."""
        if lost := files.undo(changes):
            return f"{_not_all(lost)}."
        self.apache.systemctl("reset-failed")
        if not was_active:
            self.apache.systemctl("stop")
            owed().forget()
            return "The files are as before, and Apache is stopped, as it was."
        try:
            # The undone change may have been the only port that it could listen on: ask for none.
            self.apache.activate("restart", [], self.sites)
        except NotServingError as error:
            return f"The files are as before, but Apache does not run with them either ({error.what}): {error.said}"
        owed().forget()
        return "The files are as before, and Apache serves with them."
