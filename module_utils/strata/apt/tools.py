"""apt and dpkg as processes: run them, and wait for their locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.apt.output import Result, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible.module_utils.strata.commands import Run

INSTALL_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/cache/apt/archives/lock")

_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
_POLL_SECONDS = 0.2
_FLOCK = "hhqqi0q"
_LOCKED = re.compile(r"Could not get lock|is another process using it|lock was locked by|locked by another process")


class Tools:
    """Runs apt and dpkg, each when its locks are free."""

    def __init__(self, run: Run, lock_timeout: float) -> None:
        """Take what runs a command, and the longest wait for a lock in seconds."""
        self._run = run
        self._lock_timeout = lock_timeout
        #: Seconds for which others were waited for, by what they held.
        self.waited: dict[str, float] = {}

    def read(self, command: Sequence[str], data: bytes = b"", **environment: str) -> Result:
        """Run a command that needs no lock; see commands.Run."""
        return Result(*self._run(command, data, **_ENVIRONMENT, **environment))

    def simulate(self, command: Sequence[str]) -> Simulation:
        """Run an apt-get command that simulates."""
        return Simulation(*self._run(command, b"", **_ENVIRONMENT))

    def write(
        self, command: Sequence[str], locks: Sequence[str] = INSTALL_LOCKS, data: bytes = b"", **environment: str
    ) -> Result:
        """Run a command that takes locks, again and again until it gets them.

        Raises:
            AptError: another process holds one of them for too long.

        """
        deadline = time.monotonic() + self._lock_timeout
        while True:
            self.wait(locks, deadline)
            arguments = list(command)
            if arguments[0] == "apt-get":
                # This closes most of the gap between our look at the locks and apt's, but only for dpkg's two locks.
                arguments.insert(1, f"--option=DPkg::Lock::Timeout={max(0, int(deadline - time.monotonic()))}")
            result = self.read(arguments, data, **environment)
            if result.status == 0 or not _LOCKED.search(result.errors):
                return result
            if time.monotonic() >= deadline:
                raise AptError(f"gave up after waiting {self._lock_timeout:g} s: {result.reason()}")
            time.sleep(_POLL_SECONDS)

    def wait(self, locks: Sequence[str] = INSTALL_LOCKS, deadline: float | None = None) -> bool:
        """Wait until the locks are free and return whether another process had one of them.

        Raises:
            AptError: another process holds one of them for too long.

        """
        if deadline is None:
            deadline = time.monotonic() + self._lock_timeout
        waited = False
        while held := next(((path, by) for path in locks if (by := holder(path))), None):
            if time.monotonic() >= deadline:
                raise AptError(f"{held[0]} is held by {held[1]}: gave up after waiting {self._lock_timeout:g} s")
            waited = True
            holding = f"{held[1]}, which held {held[0]}"
            start = time.monotonic()
            time.sleep(_POLL_SECONDS)
            self.waited[holding] = self.waited.get(holding, 0) + time.monotonic() - start
        return waited

    @contextlib.contextmanager
    def locked(self, path: str) -> Iterator[None]:
        """Have a lock for ourselves.

        Raises:
            AptError: another process holds it for too long.

        """
        deadline = time.monotonic() + self._lock_timeout
        with open(path, "a", encoding="utf-8") as stream:
            while True:
                self.wait([path], deadline)
                try:
                    fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_POLL_SECONDS)
            yield


def holder(path: str) -> str:
    """Return which other process holds the lock on a file, for example "process 166 (apt-get)", or nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return ""
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    finally:
        os.close(descriptor)
    if kind == fcntl.F_UNLCK:
        return ""
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:
            return f"process {process} ({stream.read().strip()})"
    except OSError:  # it is outside our process namespace, or gone by now
        return "a process that cannot be seen from here"
