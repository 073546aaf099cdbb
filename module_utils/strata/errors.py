"""What ends a module with a sentence for the user, and the hint at what he may have meant."""

from __future__ import annotations

import difflib
import os
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType


class StrataError(Exception):
    """The declared state cannot be reached; the text says what happened, where, and what to do.

    `result` is what the module returns besides, for what was done all the same.
    """

    def __init__(self, text: str, **result: Any) -> None:
        """Take the text and the rest of the module's result."""
        super().__init__(text)
        self.result = result


class DeclarationError(StrataError, ValueError):
    """What is declared is not valid; nothing was asked of the host yet."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest of the known names, for the end of a sentence; nothing if none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def unforeseen(subject: str, error: Exception) -> str:
    """Return a sentence about a fault of our own: what was at work, on which declared item, and where it happened."""
    frames = list(traceback.walk_tb(error.__traceback__))
    item = next((text for frame, _ in reversed(frames) for text in _items(frame)), "")
    frame, line = frames[-1]
    place = f"{os.path.basename(frame.f_code.co_filename)}:{line}"
    # Other errors may quote a value, and that may be a secret.
    said = f" {error}" if isinstance(error, KeyError | AttributeError) else ""
    return f"{subject}{item}: a fault of Strata itself, {type(error).__name__}{said} at {place}: please report it"


def _items(frame: FrameType) -> Iterator[str]:
    """Give words for the declared items that a function had at hand: they know the variable that they came from."""
    for each in frame.f_locals.values():
        known = each if isinstance(each, dict) else getattr(each, "__dict__", {})
        if isinstance(known.get("origin"), str):
            yield f", {known.get('name', known.get('path', 'an item'))} ({known['origin']})"
