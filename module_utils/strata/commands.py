"""Running a command, as a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Run(Protocol):
    """Runs a command with its standard input and more environment; returns exit status, output and error output."""

    def __call__(self, command: Sequence[str], data: bytes = b"", **environment: str) -> tuple[int, str, str]:
        """See the class."""
