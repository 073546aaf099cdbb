"""A file system that lists folders in no order that a person would expect."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Backwards:
    """What os.scandir returns, from the last name to the first."""

    def __init__(self, found: Any) -> None:
        with found:
            self._entries = iter(sorted(found, key=lambda entry: entry.name, reverse=True))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def listed_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """List all folders backwards: whose result follows from the order of a file system is found by that."""
    listdir: Callable[..., list[Any]] = os.listdir
    scandir = os.scandir
    monkeypatch.setattr(os, "listdir", lambda *path: sorted(listdir(*path), reverse=True))
    monkeypatch.setattr(os, "scandir", lambda *path: Backwards(scandir(*path)))
