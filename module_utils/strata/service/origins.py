"""The variables that the lines of a service's files come from, for messages."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.service.declared import DeclaredFile

#: A message shows at most as many changed lines of a file.
MOST = 8


def refused(file: DeclaredFile, said: str) -> str:
    """Return, in brackets, the variables of those lines of a file that a command names; nothing if there are none."""
    origins = _origins((file.content or b"").decode(errors="replace").splitlines(), file.origins)
    named = [int(number) for number in re.findall(r"\bline (\d{1,9})\b", said)]
    found = {origins[number - 1]: None for number in named if 1 <= number <= len(origins)}
    found.pop("", None)
    return f" (from {', '.join(found)})" if found else ""


def changed(diff: Iterable[Mapping[str, str]], files: Iterable[DeclaredFile]) -> str:
    """Return, in one line, the files of a `diff` with the lines that were added and removed, each with its variable."""
    origins = {file.path: file.origins for file in files}
    parts = []
    for entry in diff:
        path = entry["after_header"]
        old, new = (_labelled(entry[key], origins.get(path, {})) for key in ("before", "after"))
        lines = []
        for kind, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind != "equal":
                lines += [f"added {line}" for line in new[first:last]] + [f"removed {line}" for line in old[start:end]]
        lines[MOST:] = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
        parts.append(f"{path}: {', '.join(lines)}" if lines else path)
    return "; ".join(parts)


def _labelled(text: str, origins: Mapping[str, str]) -> list[str]:
    lines = text.splitlines()
    found = zip(lines, _origins(lines, origins), strict=False)
    return [f"{line.strip()!r}" + (f" ({origin})" if origin else "") for line, origin in found]


def _origins(lines: Iterable[str], origins: Mapping[str, str]) -> list[str]:
    """Return the variable of each line, by its first word, or that of the last line that was not indented."""
    found = []
    origin = ""
    for line in lines:
        if not line[:1].isspace():
            origin = origins.get((line.split() or [""])[0], "")
        found.append(origin)
    return found
