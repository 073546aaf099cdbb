"""The processes of a user, which end with the account."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ansible.module_utils.strata.errors import StrataError

#: Seconds that processes get to end themselves, and then to be gone.
PATIENCE = 5


def find(uid: int) -> list[int]:
    """Return the numbers of the processes that run as a user, really or effectively."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
                status = dict(line.split(":", 1) for line in file if ":" in line)
                if str(uid) in status["Uid"].split() and not status["State"].strip().startswith("Z"):
                    found.append(int(name))
    return found


def end(uid: int) -> None:
    """End all processes of a user, by force if they do not end themselves.

    Raises:
        StrataError: some are still there.

    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            running = find(uid)
            if not running:
                return
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.05)
    raise StrataError(f"uid {uid} still runs the processes {', '.join(map(str, find(uid)))}")
