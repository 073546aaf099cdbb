"""OpenStack's modules.env of 2015, which is a shell script, read without a shell.

It may have what that file has: entries `SOURCE_MODULES["URL"]="REF"` and `INTEGRATION_MODULES["URL"]="REF"`,
assignments that URLs use, comments, and the loop that merges both lists. A comment `# name: NAME` names an entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.source import Source

_WORD = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_.:/@%+,$}{-]*)"""
_ENTRY = re.compile(rf"(?P<kind>SOURCE|INTEGRATION)_MODULES\[(?P<url>{_WORD})\]=(?P<ref>{_WORD})")
_ASSIGNMENT = re.compile(rf"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>{_WORD})")
_COMMENT = re.compile(r"(?P<code>.*?)(?:(?:^|[ \t])#(?P<comment>.*))?", re.DOTALL)
_NAMED = re.compile(r"\s*name:\s*(?P<name>\S*)\s*")
_VARIABLE = re.compile(r"\$(?:(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

#: The lines that merge the lists, without their comments; all modules are wanted here anyway.
_LOOP = (
    'if [[ "$PUPPET_INTEGRATION_TEST" -ne "1" ]]; then',
    "for MOD in ${!INTEGRATION_MODULES[*]}; do",
    "SOURCE_MODULES[$MOD]=${INTEGRATION_MODULES[$MOD]}",
    "done",
    "fi",
)


@dataclass(frozen=True)
class Stated:
    """An entry as a file states it, not checked yet; `name` is empty where the URL gives it."""

    line: int
    kind: str
    url: str
    ref: str
    name: str = ""


def statements(source: Source) -> Iterator[Stated]:
    """Yield the entries of a file. Raises BrokenFileError at what is not a known statement."""
    variables: dict[str, str] = {}
    loop = 0
    text = source.text()
    for number, line in enumerate(text.split("\n"), 1):
        if _CONTROL.search(line):
            raise source.broken(number, "has a control character")
        code, comment = _split(line)
        if not code:
            continue
        words = " ".join(code.split())
        if loop or words == _LOOP[0]:
            if words != _LOOP[loop]:
                raise source.broken(number, f"is not what the loop that merges the lists goes on with: {_LOOP[loop]}")
            loop = (loop + 1) % len(_LOOP)
        elif entry := _ENTRY.fullmatch(code):
            url, ref = (_expand(source, number, entry[part], variables) for part in ("url", "ref"))
            named = _NAMED.fullmatch(comment)
            yield Stated(number, entry["kind"], url, ref, named["name"] if named else "")
        elif (assignment := _ASSIGNMENT.fullmatch(code)) and not assignment["name"].endswith("_MODULES"):
            variables[assignment["name"]] = _expand(source, number, assignment["value"], variables)
        else:
            raise source.broken(number, 'is not an entry like SOURCE_MODULES["URL"]="REF", assignment or comment')
    if loop:
        raise source.broken(text.count("\n") + 1, f"ends within the loop that merges the lists, before: {_LOOP[loop]}")


def _split(line: str) -> tuple[str, str]:
    """Return a line's code and its comment."""
    match = _COMMENT.fullmatch(line)
    assert match is not None  # noqa: S101 - it matches anything
    return match["code"].strip(" \t"), match["comment"] or ""


def _expand(source: Source, number: int, word: str, variables: dict[str, str]) -> str:
    """Return a word as the shell would read it, had it nothing but the variables set above."""
    if word.startswith("'"):
        return word[1:-1]
    inner = word[1:-1] if word.startswith('"') else word
    if "`" in inner or "$(" in inner or "\\" in inner:
        raise source.broken(number, "runs a command or has a backslash: nothing of this file is run")

    def value(match: re.Match[str]) -> str:
        name = match["bare"] or match["braced"]
        if name not in variables:
            raise source.broken(number, f"${name} is set nowhere above")
        return variables[name]

    if "$" in _VARIABLE.sub("", inner):
        raise source.broken(number, "has a $ that is not a $NAME or ${NAME} of an assignment above")
    return _VARIABLE.sub(value, inner)
