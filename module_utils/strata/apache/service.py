"""A running Apache: bring it to the configuration on disk, wait until it serves, and say why it does not."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ansible.module_utils.strata import folders
from ansible.module_utils.strata.apache import messages
from ansible.module_utils.strata.apache.vhosts import LOGS
from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apache.vhosts import Site
    from ansible.module_utils.strata.commands import Run

#: What makes Apache take a configuration over.
Verb = Literal["start", "reload", "restart"]

UNIT = "apache2.service"
# Apache writes it anew each time it has taken a configuration over (start, restart, graceful), after all that can fail.
PID_FILE = "/run/apache2/apache2.pid"
PATIENCE = 30
LINES = 20
#: Bytes of a log that are read, from its end.
MOST = 1 << 24


class NotServingError(StrataError):
    """Apache does not serve; `said` is what it had to say about that."""

    def __init__(self, what: str, said: str) -> None:
        """Keep what happened and Apache's own words."""
        super().__init__(f"{what}: {said}" if said else what)
        self.what = what
        self.said = said or what


@dataclass(frozen=True)
class Status:
    """What systemd knows of the unit."""

    active: bool
    enabled: bool


@dataclass
class Apache:
    """The Apache of this host, a unit of systemd."""

    run: Run

    def status(self) -> Status:
        """Return the state of the unit."""
        _, out, _ = self.run(["systemctl", "show", UNIT, "--property=ActiveState,UnitFileState"])
        shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        return Status(shown.get("ActiveState") in {"active", "reloading"}, shown.get("UnitFileState") == "enabled")

    def systemctl(self, verb: str) -> str:
        """Do something to the unit; return systemd's message if that fails, else an empty string."""
        code, out, err = self.run(["systemctl", verb, UNIT])
        return messages.message(out + err) or f"systemctl {verb} ends with status {code}" if code else ""

    def activate(self, action: Verb, ports: Sequence[int], sites: Sequence[Site]) -> None:
        """Start, restart or reload Apache, and wait until it serves.

        Raises:
            NotServingError: it does not.

        """
        since, sizes = int(time.time()), _log_sizes(sites)
        before, deadline = _pid_file(), time.monotonic() + PATIENCE
        failed = self.systemctl(action)
        if failed:
            raise NotServingError(f"the {action} failed", self._said(since, sizes, sites) or failed)
        waiting_for = "the configuration was not taken over"
        while self.status().active:
            if _pid_file() != before:
                closed = [port for port in ports if not _accepts(port)]
                if not closed:
                    break
                waiting_for = f"port {closed[0]} did not answer"
            if time.monotonic() > deadline:
                raise NotServingError(
                    f"{waiting_for} within {PATIENCE} s of the {action}", self._said(since, sizes, sites)
                )
            time.sleep(0.02)
        if not self.status().active:
            raise NotServingError(f"it exited after the {action}", self._said(since, sizes, sites))

    def _said(self, since: int, sizes: dict[str, int], sites: Sequence[Site]) -> str:
        journal = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--unit={UNIT}", "--identifier=apachectl"]
        _, out, _ = self.run([*journal, f"--since=@{since}"])
        said = out.splitlines()
        for path in sorted(_log_sizes(sites)):
            # A site's log may be in a folder of the site's own user.
            with contextlib.suppress(OSError), folders.open_file(path) as stream:
                stream.seek(max(sizes.get(path, 0), os.fstat(stream.fileno()).st_size - MOST))
                said += messages.log_messages(stream.read().decode("utf-8", "replace"))
        return messages.message("\n".join(list(dict.fromkeys(said))[-LINES:]))


def _log_sizes(sites: Sequence[Site]) -> dict[str, int]:
    paths = {*glob.glob(f"{LOGS}/*error*.log"), *messages.error_logs(sites)}
    return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


def _pid_file() -> tuple[int, int] | None:
    try:
        info = os.stat(PID_FILE)
    except FileNotFoundError:
        return None
    return info.st_ino, info.st_mtime_ns


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), timeout=2):
            return True
    except OSError:
        return False
