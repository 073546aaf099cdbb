"""What is found in a tree: errors, and warnings about what nobody knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from strata.repository.source import Violation

#: What would do something to a terminal, and what stands for bytes that are not text.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, order=True)
class Finding(Violation):
    """A violation, or only a warning; one of form is what `--fix` fixes."""

    warning: bool = False
    form: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return the finding as compilers print it."""
        text = f"{self.path}:{self.line}: {'warning: ' if self.warning else ''}{self.message}"
        return UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
