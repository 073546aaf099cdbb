"""apt and dpkg as processes: run them, wait for their locks, understand what they say."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt.plan import AptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ansible.module_utils.strata.apt.plan import Plan, Wish

LISTS = "/var/lib/apt/lists"
INSTALL_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/cache/apt/archives/lock")
UPDATE_LOCKS = ("/var/lib/apt/lists/lock",)

_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
_POLL_SECONDS = 0.2
_FLOCK = "hhqqi0q"
_LOCKED = re.compile(r"Could not get lock|is another process using it|lock was locked by|locked by another process")
_UNKNOWN = re.compile(
    r"^E: (Unable to locate package (\S+)|Package '([^']+)' has no installation candidate"
    r"|Version '[^']+' for '([^']+)' was not found"
    r"|Couldn't find any package by (?:glob|regex) '([^']+)')$",
    re.MULTILINE,
)
_VIRTUAL = re.compile(r"^Package (\S+) is a virtual package provided by:\n((?: .*\n)+)", re.MULTILINE)
_REMOVED = re.compile(r"^The following packages will be REMOVED:\n((?: .*\n)+)", re.MULTILINE)
_RISKY = re.compile(
    r"^The following (?:packages will be DOWNGRADED|held packages will be changed):\n((?: .*\n)+)", re.MULTILINE
)
_NEW = re.compile(r"^Inst (\S+) \((\S+)", re.MULTILINE)
_INST = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", re.MULTILINE)
_REMV = re.compile(r"^(?:Remv|Purg) (\S+) \[(\S+)\]", re.MULTILINE)
# What is worth telling: errors, and the block of unmet dependencies that says what an error is about.
_WARNING = re.compile(r"^W: .*", re.MULTILINE)
_REASON = re.compile(r"^(?:E: .*|dpkg: error.*(?:\n .*)*| \S+ : .*(?:\n {3,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """How a process ended and what it said."""

    status: int
    output: str
    errors: str

    def reason(self, *, warnings: bool = False) -> str:
        """Return why it failed, in one line: the errors (and warnings) without the noise around them."""
        text = f"{self.output}\n{self.errors}"
        matches = [*(_WARNING.findall(text) if warnings else ()), *(match[0] for match in _REASON.finditer(text))]
        found = [" ".join(re.sub("^[EW]: ", "", each).split()).rstrip(".") for each in matches]
        told = [line for line in dict.fromkeys(found) if "--solver 3.0" not in line]
        return (
            "; ".join(told if warnings else told[-6:])
            or (text.strip().splitlines() or [f"exit status {self.status}"])[-1]
        )


class Simulation(Result):
    """What `apt-get --simulate` says that a plan would do."""

    def installs(self) -> dict[str, str]:
        """Return what would be installed or upgraded, with the versions."""
        return dict(_INST.findall(self.output))

    def news(self) -> set[str]:
        """Return the names of packages that are not on the host and would be installed."""
        return {name.partition(":")[0] for name, _ in _NEW.findall(self.output)}

    def removes(self) -> dict[str, str]:
        """Return what would be removed, with the versions."""
        return dict(_REMV.findall(self.output))

    def unknown(self, wanted: Sequence[Wish]) -> str:
        """Return a message about the wanted packages that apt does not know, or nothing."""
        providers = {
            name: ", ".join(line.split()[0] for line in block.splitlines() if line.strip())
            for name, block in _VIRTUAL.findall(f"{self.output}\n")
        }
        told: dict[str, str] = {}
        for text, *names in _UNKNOWN.findall(self.errors):
            name = "".join(names)
            hint = f" (it is virtual: choose one of {providers[name]})" if name in providers else ""
            wish = next((str(wish) for wish in wanted if name in (wish.spec, wish.name)), name)
            told.setdefault(name, f"{wish} cannot be installed: {text}{hint}")
        return "; ".join(told.values())

    def check(self, plan: Plan, absent: Sequence[Wish]) -> None:
        """Check that apt knows all packages of the plan and would do no harm with it.

        Raises:
            AptError: it would not go that way.

        """
        if unknown := self.unknown(plan.install):
            raise AptError(unknown)
        allowed = {package.name for _, package in plan.remove} | {key for key, _ in plan.remove}
        removed = [name.rstrip("*") for block in _REMOVED.findall(self.output) for name in block.split()]
        asked = describe(plan, absent)
        if others := [name for name in removed if name not in allowed]:
            raise AptError(f"{asked} would also remove {', '.join(others)}, which nobody wants absent")
        versioned = {wish.name for wish in plan.install if wish.version}
        risky = [name.partition(":")[0] for block in _RISKY.findall(self.output) for name in block.split()]
        if others := [name for name in risky if name not in versioned]:
            raise AptError(f"{asked} would also change the version of {', '.join(others)}, which is held or newer")
        if self.status:
            raise AptError(f"{asked} is not possible: {self.reason()}")
        for wish in absent:
            if wish.spec in self.installs():
                raise AptError(f"{asked} would bring {wish.spec}, but {wish} must be absent")


class Tools:
    """Runs apt and dpkg, each when its locks are free."""

    def __init__(self, run: Callable[..., tuple[int, str, str]], lock_timeout: float) -> None:
        """Take AnsibleModule.run_command, or what behaves like it, and the longest wait for a lock in seconds."""
        self._run = run
        self._lock_timeout = lock_timeout
        #: Seconds for which others were waited for, by what they held.
        self.waited: dict[str, float] = {}

    def read(self, command: Sequence[str], environment: Mapping[str, str] | None = None, data: str = "") -> Result:
        """Run a command that needs no lock, with more environment and standard input if they are given."""
        return Result(
            *self._run(list(command), environ_update={**_ENVIRONMENT, **(environment or {})}, data=data or None)
        )

    def simulate(self, command: Sequence[str]) -> Simulation:
        """Run an apt-get command that simulates."""
        return Simulation(*self._run(list(command), environ_update=_ENVIRONMENT))

    def write(
        self,
        command: Sequence[str],
        locks: Sequence[str] = INSTALL_LOCKS,
        environment: Mapping[str, str] | None = None,
        data: str = "",
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
            result = self.read(arguments, environment, data)
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
            told = f"{held[1]}, which held {held[0]}"
            start = time.monotonic()
            time.sleep(_POLL_SECONDS)
            self.waited[told] = self.waited.get(told, 0) + time.monotonic() - start
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


def describe(plan: Plan, absent: Sequence[Wish]) -> str:
    """Return in words what a plan does and who asked for it."""
    names = {package.name for _, package in plan.remove}
    parts = {
        "installing": [str(wish) for wish in plan.install],
        "configuring": [key for key, _ in plan.configure],
        "removing": [str(wish) for wish in absent if wish.name in names],
    }
    told = (f"{verb} {', '.join(what)}" for verb, what in parts.items() if what)
    return " and ".join(told) or "completing the interrupted installations"


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


def lists_age(folder: str, stamp: str) -> float:
    """Return how many seconds ago the package lists in `folder` were updated, infinity if there are none."""
    if not os.path.isdir(folder) or not any(re.search("_(In)?Release$|_Packages", name) for name in os.listdir(folder)):
        return float("inf")
    # apt gives the lists the archive's times, but every update makes files in partial/ and takes them out again.
    paths = (folder, os.path.join(folder, "partial"), stamp)
    return time.time() - max(os.stat(path).st_mtime for path in paths if os.path.exists(path))
