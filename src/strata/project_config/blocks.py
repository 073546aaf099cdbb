"""Text as blocks that change places: comments go with the block below them, blank lines stay where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


@dataclass(frozen=True)
class Block(Generic[T]):
    """A thing with the lines above it: `gap` stays in its place, `comments` go with the thing."""

    thing: T
    gap: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return all comments above the thing, which are not to be lost with it."""
        return (*(line for line in self.gap if line.strip()), *self.comments)


def above(thing: T, lines: Sequence[str], *, first: bool) -> Block[T]:
    """Return a block of a thing and the blank and comment lines above it.

    A comment right above the thing is its own, but the one that a file begins with is the file's.
    """
    start = len(lines)
    while start and lines[start - 1].strip():
        start -= 1
    if first and start == 0:
        start = len(lines)
    return Block(thing, tuple(lines[:start]), tuple(lines[start:]))


def arrange(blocks: Sequence[Block[T]], key: Callable[[T], object]) -> list[Block[T]]:
    """Return the blocks sorted by the `key` of their things; gaps stay in their places."""
    order = sorted(blocks, key=lambda block: key(block.thing))  # type: ignore[arg-type,return-value]
    return [replace(block, gap=place.gap) for place, block in zip(blocks, order, strict=True)]


def inversions(things: Sequence[T], key: Callable[[T], object]) -> list[tuple[T, T]]:
    """Return the neighbours that are not sorted, each with the one before it first."""
    keys = [key(thing) for thing in things]
    pairs = zip(things, things[1:], keys, keys[1:], strict=False)
    return [(before, after) for before, after, low, high in pairs if high < low]  # type: ignore[operator]
