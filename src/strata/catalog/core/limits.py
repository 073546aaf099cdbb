"""A limit for what a template may take: some never end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

from strata.catalog.core.unknown import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for one task: a slow one takes a tenth of a second.
LONGEST = 60.0


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Refuse what takes longer than LONGEST, in the thread that gets signals; in others nothing is limited.

    What is limited already, such as a task of an include, shares the limit of what it is in.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    former = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _stop(*_: object) -> NoReturn:
    raise RefusedError(f"it takes longer than {LONGEST:g} s to evaluate: does a loop or template of it ever end?")
