"""A checkout with its modules: what is wanted, what is pinned, and what is there."""

from __future__ import annotations

import fcntl
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from strata.errors import StrataError
from strata.repository.source import Source
from strata.vendored import entries, lock
from strata.vendored.cache import CachedRepository
from strata.vendored.git import Git
from strata.vendored.vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from strata.vendored.entries import Entry
    from strata.vendored.lock import Pin

T = TypeVar("T")
R = TypeVar("R")

#: Repositories that are asked at the same time.
AT_ONCE = 16


@dataclass(frozen=True)
class VendoredRoles:
    """The checkout that a modules.env stands in; `file_allowed` lets URLs name folders of this machine."""

    file: Path
    file_allowed: bool = False
    git: Git = field(init=False)

    def __post_init__(self) -> None:
        """Prepare git."""
        object.__setattr__(self, "git", Git(file_allowed=self.file_allowed))

    @property
    def root(self) -> Path:
        """Return the folder of the checkout."""
        return self.file.parent

    @property
    def lock(self) -> Path:
        """Return the path of modules.lock."""
        return self.root / "modules.lock"

    @property
    def vendor(self) -> Vendor:
        """Return vendor/."""
        return Vendor(self.root)

    @property
    def cache(self) -> Path:
        """Return the folder of the cached repositories."""
        return self.root / ".strata/modules"

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Return what is wanted, by name. Raises BrokenFileError; also for a name of one of our own roles."""
        found = entries.read(self.file, file_allowed=self.file_allowed)
        for entry in found:
            if (self.root / "roles" / entry.name).exists():
                message = f"{entry.name} is a role in roles/, which would hide this one: {entries.naming(self.file)}"
                raise Source(self.root, self.file).broken(entry.line, message)
        return {entry.name: entry for entry in found}

    @cached_property
    def pins(self) -> dict[str, Pin]:
        """Return what is pinned, by name. Raises BrokenFileError."""
        return lock.read(self.lock, file_allowed=self.file_allowed)

    def agreed(self) -> dict[str, Pin]:
        """Return the pins. Raises StrataError where they are not those of the entries."""
        lock.agree(self.entries.values(), self.pins, self.file)
        return self.pins

    def repository(self, pin: Pin) -> CachedRepository:
        """Return the cached repository of a pin's URL."""
        mark = hashlib.sha256(pin.url.encode()).hexdigest()[:12]
        return CachedRepository(self.git, self.cache / f"{pin.name}-{mark}.git", pin.url)

    @contextmanager
    def exclusive(self, say: Callable[[str], None]) -> Iterator[None]:
        """Let nobody else work on the modules of this checkout at the same time; say so if it takes waiting."""
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            stream = (self.cache / "busy").open("w")
        except OSError as error:
            raise StrataError(f"{error.filename}: {error.strerror}") from None
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another run that works on the modules")
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def at_once(git: Git, work: Callable[[T], R], items: Sequence[T]) -> list[tuple[T, R | StrataError]]:
    """Return what the work makes of each item, or how it failed; many are worked on at the same time.

    An interruption ends git and what has not begun.
    """

    def tried(item: T) -> R | StrataError:
        try:
            return work(item)
        except StrataError as error:
            return error
        except OSError as error:
            return StrataError(f"{error.filename or 'files'}: {error.strerror}")

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        try:
            return list(zip(items, pool.map(tried, items), strict=True))
        except BaseException:
            git.stop()
            pool.shutdown(cancel_futures=True)
            raise
