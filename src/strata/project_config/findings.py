"""What is found in a tree: errors, and warnings about what nobody knows."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.source import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Finding(Violation):
    """A violation, or only a warning; one of form is what `--fix` mends."""

    warning: bool = False
    form: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return the finding as compilers print it."""
        return f"{self.path}:{self.line}: {'warning: ' if self.warning else ''}{self.message}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to add to the message that `name` is not known."""
    return "".join(f" (nearest name: {each})" for each in difflib.get_close_matches(name, list(known), 1))
