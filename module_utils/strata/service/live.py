"""State of a running host that belongs to files, as its name belongs to /etc/hostname: read, and set by commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.strata.commands import Run


class LiveError(StrataError):
    """A state cannot be read; the text is one sentence for the user."""


@dataclass(frozen=True)
class State:
    """A state as it is declared: the command that prints it, its value, and the command that sets `%s`."""

    read: list[str]
    value: str
    write: list[str]


@dataclass(frozen=True)
class Changes:
    """The commands that bring live state to its declared values, and those that undo that."""

    apply: list[list[str]]
    undo: list[list[str]]


def plan(run: Run, states: Iterable[State]) -> Changes:
    """Return what the live state lacks to its declared values.

    Raises:
        LiveError: a state cannot be read.

    """
    found = Changes([], [])
    for state in states:
        code, out, err = run(state.read)
        if code:
            raise LiveError(f"{shlex.join(state.read)} ends with status {code}: {(err or out).strip()}")
        if out.strip() != state.value:
            found.apply.append([word.replace("%s", state.value) for word in state.write])
            found.undo.append([word.replace("%s", out.strip()) for word in state.write])
    return found
