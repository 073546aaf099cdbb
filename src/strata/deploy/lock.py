"""One deploy at a time. The lock is the kernel's: it goes with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def who() -> str:
    """Return the name of the user who calls us, whom sudo may have made another one."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def now() -> str:
    """Return the time, as all that is kept has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def brief(when: str) -> str:
    """Return a time as a table shows it."""
    return when[: len("2026-01-01T00:00")].replace("T", " ")


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Say in a sentence that something cannot be written. Raises StrataError."""
    try:
        yield
    except OSError as error:
        raise StrataError(f"{error.filename or path}: cannot be written: {error.strerror}") from None


@contextmanager
def held(folder: Path, inherited: int | None = None) -> Iterator[int]:
    """Hold the lock of a folder, and give its descriptor, which another program may inherit.

    Args:
        folder: what deploys keep.
        inherited: the descriptor by which who started us holds it already.

    Raises:
        StrataError: another deploy holds it, or it cannot be written.

    """
    with written(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600) if inherited is None else inherited
    try:
        os.set_inheritable(descriptor, False)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if inherited is None:
            said = {"who": who(), "since": now(), "process": os.getpid()}
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(said).encode(), 0)
        yield descriptor
    except BlockingIOError:
        raise StrataError(f"another deploy is at work: {_holder(descriptor)}") from None
    finally:
        os.close(descriptor)


def at_work(folder: Path) -> bool:
    """Return whether a deploy holds the lock."""
    try:
        with held(folder):
            return False
    except StrataError:
        return True


def _holder(descriptor: int) -> str:
    """Return who holds the lock, and since when."""
    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
        return f"{said['who']}'s, process {said['process']}, since {said['since']}"
    except (ValueError, KeyError, TypeError):  # it has only just begun
        return "one that has just begun"
