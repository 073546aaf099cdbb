"""Waiting for what comes about on a host by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_for(what: Callable[[], object], why: Callable[[], str], seconds: float = 60) -> None:
    """Wait until `what` is true; after too many seconds fail with what `why` says."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)
