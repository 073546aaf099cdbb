"""What ends a module with a sentence for the user, and the hint at what he may have meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


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
