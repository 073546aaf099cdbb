"""One run at a time on one subject of a host: the module of a run that was killed may still be at work."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from ansible.module_utils.strata import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for which another run's module is waited for, unless the caller knows better.
PATIENCE = 120


@contextlib.contextmanager
def exclusive(subject: str, *, check_mode: bool, patience: float | None = None) -> Iterator[None]:
    """Keep other runs on this host from changing `subject` meanwhile. Check mode, which touches nothing, need not wait.

    Raises:
        TimeoutError: another one does not end in `patience` seconds, PATIENCE if it is not given.

    """
    if check_mode:
        yield
        return
    if patience is None:
        patience = PATIENCE
    os.makedirs(paths.LOCKS, exist_ok=True)
    deadline = time.monotonic() + patience
    with open(os.path.join(paths.LOCKS, f"{subject}.lock"), "a+", encoding="utf-8") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    stream.seek(0)
                    holder = stream.read()
                    raise TimeoutError(
                        f"another run has been changing {subject} on this host for {patience:g} s: "
                        f"wait until {f'its process {holder}' if holder else 'it'} ends"
                    ) from None
                time.sleep(0.05)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
