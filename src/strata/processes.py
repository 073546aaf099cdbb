"""Programs that we start, and what becomes of them, and of us, when a signal comes.

The first SIGINT, SIGTERM or SIGHUP ends everything that descends from this process, and is raised in its main thread as
`Interrupted`, so that who waits there can remove what was made. Programs get a session of their own: a terminal's
Ctrl-C reaches us alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

#: Seconds after which what has not ended by SIGTERM is killed, and after which we end, whatever is not done.
GRACE, LIMIT = 2.5, 9.0

#: The signal that came, if one has.
_came: list[int] = []


class Interrupted(BaseException):
    """A signal has come. No Exception, so that nobody takes it for a failure of what was just being done."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def check() -> None:
    """Let a thread end that would go on working. Raises Interrupted if a signal has come."""
    if _came:
        raise Interrupted(_came[0])


@contextmanager
def interruptible() -> Iterator[None]:
    """Have signals end what is done meanwhile, and be raised as `Interrupted`; only in the main thread.

    A shell has what it starts in the background ignore SIGINT, which holds no longer then.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        numbers.append(signal.SIGHUP)
    found: dict[int, int] = {}
    # A handler may come between any two steps of the main thread: it must take no lock that is held there.
    reader, writer = os.pipe()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if not _came:
            _came.append(number)
            found.update(_descendants(os.getpid()))
            _send(found, signal.SIGTERM)
            os.write(writer, b"!")
            raise Interrupted(number)

    threading.Thread(target=_insist, args=(reader, found), daemon=True).start()
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        if not _came:  # otherwise others may come while what was made is removed
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(writer)


@contextmanager
def started(command: Sequence[Path | str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a program that reads nothing, and wait for it in the end.

    Args:
        command: the program and its arguments.
        options: as subprocess.Popen has them.

    Raises:
        Interrupted: a signal has come.

    """
    check()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **options) as process:
        if _came:  # too late to be seen by the handler
            os.killpg(process.pid, signal.SIGKILL)
        yield process
    check()


def run(command: Sequence[Path | str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program that reads nothing, and return its exit code and what it has written to pipes.

    Args:
        command: the program and its arguments.
        options: as subprocess.Popen has them.

    Raises:
        Interrupted: a signal has come.

    """
    with started(command, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def end(process: subprocess.Popen[str]) -> None:
    """End a program that `started` began, with all that it has started: at once what listens, the rest after GRACE."""
    found = {process.pid: process.pid, **_descendants(process.pid)}
    _send(found, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    _send(found, signal.SIGKILL)
    process.wait()


def kill_tree(process: int) -> None:
    """Kill a process and those below it; each is stopped first, so that it starts no other."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            for child in children.read_text().split():
                kill_tree(int(child))
        os.kill(process, signal.SIGKILL)


def _insist(reader: int, processes: dict[int, int]) -> None:
    """After a signal, kill what has not ended, and end ourselves if the rest takes too long."""
    with open(reader, "rb", buffering=0) as pipe:
        if not pipe.read(1):
            return
    time.sleep(GRACE)
    _send(processes, signal.SIGKILL)
    time.sleep(LIMIT - GRACE)
    sys.stderr.write("strata: ended before all was removed: `bin/strata down --all` removes the rest\n")
    sys.stderr.flush()
    os._exit(Interrupted(_came[0]).exit_code)


def _descendants(ancestor: int) -> dict[int, int]:
    """Return the process group of each process that descends from another one."""
    parents, groups = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may just have ended
            _, parent, group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            parents[int(path.parent.name)], groups[int(path.parent.name)] = int(parent), int(group)
    found: set[int] = set()
    layer = {ancestor}
    while layer:
        layer = {process for process, parent in parents.items() if parent in layer} - found
        found |= layer
    return {process: groups[process] for process in found}


def _send(processes: dict[int, int], number: signal.Signals) -> None:
    """Send a signal to the groups of processes, but to those of our own group to each by itself."""
    ours = os.getpgrp()
    for group in {*processes.values()} - {ours}:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
    for process in (process for process, group in processes.items() if group == ours):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
