"""Apache's own test of a configuration, and who is to blame for what it refuses."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from ansible.module_utils.strata.apache import host, messages, served
from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apache.modules import Settings
    from ansible.module_utils.strata.apache.vhosts import Site
    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.files import Change


@dataclass(frozen=True)
class Verdict:
    """What Apache says of a configuration: why it refuses it, or what it warns of, and the virtual hosts in it."""

    refused: str = ""
    warnings: tuple[str, ...] = ()
    vhosts: tuple[served.Vhost, ...] = ()


class RefusedError(StrataError):
    """Apache does not accept the declared configuration, or does not run with it."""


@dataclass
class ConfigTest:
    """Tests of a host's configuration, which these sites and settings are the declared parts of."""

    run: Run
    parts: Sequence[Site | Settings]

    def refusal(self, root: str = host.ROOT) -> str:
        """Return Apache's message if it refuses the configuration in `root`, else an empty string."""
        code, out, err = self.run(["apache2ctl", "-t"], APACHE_CONFDIR=root)
        return (messages.message(out + err, root) or f"configtest ends with status {code}") if code else ""

    def staged(self, changes: list[Change]) -> Verdict:
        """Return what Apache says of the changes in a copy of the configuration."""
        # Below /run, because a copied private key must not reach a disk.
        with tempfile.TemporaryDirectory(prefix="strata-apache-", dir="/run") as folder:
            root = f"{folder}/apache2"
            host.stage(changes, root)
            code, out, err = self.run(["apache2ctl", "-t"], APACHE_CONFDIR=root)
            said = messages.message(out + err, root)
            if code:
                return Verdict(said or f"configtest ends with status {code}")
            _, vhosts, _ = self.run(["apache2ctl", "-t", "-D", "DUMP_VHOSTS"], APACHE_CONFDIR=root)
            return Verdict("", tuple(said.splitlines()), tuple(served.parse(vhosts)))

    def blame(self, refused: str) -> NoReturn:
        """Say who is to blame for what was refused, now that the files are as before.

        Raises:
            RefusedError: always.

        """
        before, part = self.refusal(), messages.blamed(refused, self.parts)
        if before and (part is None or messages.location(before) == messages.location(refused)):
            of_part = f", the file of {part}" if part else ""
            raise RefusedError(
                "Apache's configuration was broken on this host before this run, in "
                f"{messages.location(before) or host.ROOT}{of_part}; nothing was changed: {before}"
            )
        line = messages.quoted(refused, part) if part else ""
        raise RefusedError(f"Apache refuses {part or 'the configuration'}; the files are as before: {refused}{line}")
