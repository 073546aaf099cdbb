"""What ends a command with one sentence instead of a traceback."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StrataError(Exception):
    """Something failed; the message says what, where and what to do. Exit code 1."""

    exit_code = 1


class UsageError(StrataError):
    """The command was used wrongly. Exit code 2."""

    exit_code = 2


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest of the known names as the end of a sentence, or ""."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {matches[0]!r}?" if matches else ""
