"""State of a running host that belongs to files, as its name belongs to /etc/hostname: read, and set by commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class LiveError(Exception):
    """A state cannot be read; the text is one sentence for the user."""


@dataclass(frozen=True)
class Moves:
    """The commands that bring live state to its declared values, and those that bring it back."""

    there: list[list[str]]
    back: list[list[str]]


def moves(run: Callable[[list[str]], tuple[int, str, str]], states: Iterable[dict[str, Any]]) -> Moves:
    """Return what the live state lacks to its declared values.

    Args:
        run: runs a command and returns its exit status, output and error output.
        states: each with `read`, the words of the command that prints it, its `value`, and `write`, the words of the
            command that sets `%s`.

    Raises:
        LiveError: a state cannot be read.

    """
    found = Moves([], [])
    for state in states:
        code, out, err = run(state["read"])
        if code:
            raise LiveError(f"{shlex.join(state['read'])} ends with status {code}: {(err or out).strip()}")
        if out.strip() != state["value"]:
            found.there.append([word.replace("%s", state["value"]) for word in state["write"]])
            found.back.append([word.replace("%s", out.strip()) for word in state["write"]])
    return found
