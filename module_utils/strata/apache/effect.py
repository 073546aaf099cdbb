"""Changes of Apache's files brought into effect: owed until Apache serves them, taken back if it does not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apache import plan
from ansible.module_utils.strata.apache.configtest import ConfigTest, RefusedError
from ansible.module_utils.strata.apache.service import NotServingError, Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apache.vhosts import Site

OWED = "/run/strata/httpd-reload-owed"


def stronger(action: str) -> str:
    """Return the action, or the one that an earlier run owes, if that is more."""
    owed = files.read(OWED)
    if owed is None:
        return action
    restart = isinstance(owed, files.File) and owed.content == _owed("restart").content
    return "restart" if restart or action == "restart" else "reload"


@dataclass
class Effect:
    """The way of a change to a running Apache with these sites and ports."""

    service: Service
    test: ConfigTest
    sites: Sequence[Site]
    ports: Sequence[int]

    def bring_about(self, changes: list[files.Change], action: str, *, was_active: bool) -> None:
        """Write the files and see to it that Apache serves them, or else put back what was there.

        Raises:
            RefusedError: Apache did not accept the changes.

        """
        mark = files.Change(OWED, files.read(OWED), _owed("reload" if action == "reload" else "restart"))
        files.apply([mark])
        try:
            files.apply(changes)
            refused = self.test.refusal()
        except OSError:
            files.undo([mark, *changes])
            raise
        if refused:
            files.undo([mark, *changes])
            self.test.blame(refused)
        try:
            self.service.activate(action, self.ports, self.sites)
        except NotServingError as error:
            about = " and ".join(map(str, plan.suspects(error.said, self.sites, changes)))
            fate = self._go_back(changes, was_active=was_active)
            raise RefusedError(
                f"Apache does not run with {about or 'its configuration'} ({error.what}): {error.said}\n{fate}"
            ) from error
        os.unlink(OWED)

    def _go_back(self, changes: list[files.Change], *, was_active: bool) -> str:
        """Put the old files back and Apache into its old state; return a sentence about how that went."""
        files.undo(changes)
        self.service.systemctl("reset-failed")
        if not was_active:
            self.service.systemctl("stop")
            os.unlink(OWED)
            return "The files are as before, and Apache is stopped, as it was."
        try:
            # The undone change may have been the only port that it could listen on: ask for none.
            self.service.activate("restart", [], self.sites)
        except NotServingError as error:
            return f"The files are as before, but Apache does not run with them either ({error.what}): {error.said}"
        os.unlink(OWED)
        return "The files are as before, and Apache serves with them."


def _owed(action: str) -> files.File:
    return files.File(f"{action}\n".encode())
