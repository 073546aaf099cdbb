"""Gerrit's configuration files, which have git's format: made of data, and refused where Gerrit would not read them.

A section is a dictionary of its keys. The value of a key is a scalar, or a list for a key that is there several times;
a dictionary is a subsection. None is a key without a value, which counts as true.

The format is that of git-config(1), "Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.strata.errors import DeclarationError

SECTION = re.compile(r"[A-Za-z0-9.-]+")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: What must not stand in a file that everybody's diff shows.
SECRET = re.compile(r"password|smtppass|.*secret|.*privatekey|.*passphrase", re.IGNORECASE)


class Entry(NamedTuple):
    """One line of a configuration: where it stands, its key, its value (None for a key without one)."""

    section: str
    subsection: str | None
    key: str
    value: str | None

    @property
    def place(self) -> str:
        """The name of the key, as git writes it."""
        return ".".join(part for part in (self.section, self.subsection, self.key) if part is not None)


def entries(sections: Mapping[str, Any]) -> list[Entry]:
    """Return the lines of a configuration, in the order of the data.

    Raises:
        DeclarationError: the data makes none.

    """
    _check_once(sections, "section")
    found: list[Entry] = []
    for section, content in sections.items():
        if not SECTION.fullmatch(section):
            raise DeclarationError(f"{section!r} is not a valid name of a section: letters, digits, '-' and '.' only")
        if not isinstance(content, Mapping):
            raise DeclarationError(f"{section} must be a dictionary of its keys, and is {_kind(content)}")
        found += _section(section, content)
    return found


def render(lines: list[Entry]) -> str:
    """Return the text of a configuration file."""
    text = ["# Strata keeps this file."]
    at = None
    for line in lines:
        if (line.section, line.subsection) != at:
            at = (line.section, line.subsection)
            text.append(
                f"[{line.section}]" if line.subsection is None else f"[{line.section} {_quoted(line.subsection)}]"
            )
        text.append(f"\t{line.key}" if line.value is None else f"\t{line.key} = {_value(line.value)}")
    return "\n".join(text) + "\n"


def parsed(line: str) -> Entry:
    """Return a line of what `git config --null --list` prints."""
    name, has_value, value = line.partition("\n")
    section, _, rest = name.partition(".")
    subsection, below, key = rest.rpartition(".")
    return Entry(section, subsection if below else None, key, value if has_value else None)


def values(lines: list[Entry], section: str, key: str) -> list[str]:
    """Return the values of a key outside subsections, whatever case its name is written in."""
    wanted = (section.lower(), None, key.lower())
    return [each.value or "" for each in lines if (each.section.lower(), each.subsection, each.key.lower()) == wanted]


def add(lines: list[Entry], entry: Entry) -> list[Entry]:
    """Return the lines with one more, after those of its section."""
    at = [
        n
        for n, each in enumerate(lines, 1)
        if each.subsection is None and each.section.lower() == entry.section.lower()
    ]
    place = at[-1] if at else 0
    return [*lines[:place], entry._replace(section=lines[place - 1].section) if at else entry, *lines[place:]]


def no_secrets(lines: list[Entry]) -> None:
    """Check that no key holds what must be kept secret.

    Raises:
        DeclarationError: one does.

    """
    for line in lines:
        if SECRET.fullmatch(line.key):
            raise DeclarationError(f"{line.place} is a secret, which belongs in secure.config")


def _section(section: str, content: Mapping[str, Any]) -> Iterator[Entry]:
    """Give the keys of a section, then those of its subsections."""
    plain: list[Entry] = []
    below: list[Entry] = []
    _check_once({key: 0 for key, value in content.items() if not isinstance(value, Mapping)}, f"{section}: key")
    for key, value in content.items():
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, Mapping):
                below += _subsection(section, key, item)
            else:
                plain.append(_entry(section, None, key, item))
    yield from plain
    yield from below


def _subsection(section: str, name: str, content: Mapping[str, Any]) -> list[Entry]:
    if CONTROL.search(name):
        raise DeclarationError(f"{section}: {name!r} is not a valid name of a subsection: it has a control character")
    _check_once(content, f"{section}.{name}: key")
    return [
        _entry(section, name, key, item)
        for key, value in content.items()
        for item in (value if isinstance(value, list) else [value])
    ]


def _entry(section: str, subsection: str | None, key: str, value: Any) -> Entry:
    where = Entry(section, subsection, key, None)
    if not KEY.fullmatch(key):
        raise DeclarationError(
            f"{where.place!r}: {key!r} is not a valid name of a key: a letter, then letters, digits and '-' only"
        )
    if isinstance(value, bool):
        return where._replace(value=str(value).lower())
    if value is None or isinstance(value, int | float):
        return where if value is None else where._replace(value=str(value))
    if not isinstance(value, str):
        raise DeclarationError(
            f"{where.place} must be a text, a number, true, false or a list of them, and is {_kind(value)}"
        )
    if CONTROL.search(value):
        raise DeclarationError(f"{where.place} has a line break or another control character")
    return where._replace(value=value)


def _check_once(names: Mapping[str, Any], what: str) -> None:
    """Check that no two names are the same to Gerrit, which doesn't tell capital letters from small ones."""
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str):
            raise DeclarationError(f"{what} {name!r} must be a text: put it in quotes")
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise DeclarationError(f"{what} {name} is there twice, also as {other}")


def _kind(value: Any) -> str:
    names: dict[type, str] = {dict: "a dictionary", list: "a list", str: "a text"}
    return names.get(type(value), "nothing" if value is None else repr(value))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"' if text != text.strip() or set(text) & set("#;") else escaped
