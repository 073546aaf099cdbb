"""ACL files, which are Gerrit's project.config in the syntax of git's configuration: read with lines, and written.

An entry's value is kept twice: what it means, and how it is written, so that a file is written as it was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.project_config.blocks import Block, above

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = re.compile(r'\[(?P<name>[A-Za-z0-9.-]+)(?:[ \t]+"(?P<sub>(?:[^"\\]|\\.)*)")?\](?P<rest>.*)')
KEY = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9-]*)[ \t]*(?P<assign>=)?(?P<rest>.*)")
SPECIAL = re.compile(r'["\\#;]')
BLANK = " \t"
COMMENT = ("#", ";")
ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\", "\n": ""}


class AclSyntaxError(Exception):
    """A line that is not a git configuration."""

    def __init__(self, line: int, message: str) -> None:
        """Remember where and what."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Entry:
    """`key = value`; a key without a value (None) means true.

    `text` is how the value is written, with the `comment` behind it; `raw` is all of the entry as it was read.
    """

    key: str
    value: str | None
    line: int
    text: str
    raw: str
    comment: str = ""

    @property
    def indent(self) -> str:
        """Return the white space that the entry is read with in front of it."""
        return self.raw[: len(self.raw) - len(self.raw.lstrip(BLANK))]

    @property
    def normal(self) -> str:
        """Return the entry in normal form, which is indented as its file is."""
        return f"{self.key}{' =' if self.value is not None else ''}{f' {self.text}' if self.text else ''}"


@dataclass(frozen=True)
class Section:
    """`[name "subsection"]` and its entries."""

    name: str
    subsection: str | None
    line: int
    comment: str
    raw: str
    blocks: list[Block[Entry]] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """Return the entries without the lines above them."""
        return [block.thing for block in self.blocks]

    @property
    def identity(self) -> tuple[str, str]:
        """Return what makes two sections the same one; the order of sections is that of these."""
        return self.name.lower(), self.subsection or ""

    @property
    def header(self) -> str:
        """Return the header without what stands behind it."""
        if self.subsection is None:
            return f"[{self.name}]"
        escaped = re.sub(r'(["\\])', r"\\\1", self.subsection)
        return f'[{self.name} "{escaped}"]'

    @property
    def normal(self) -> str:
        """Return the header's line in normal form."""
        return f"{self.header} {self.comment}" if self.comment else self.header


@dataclass(frozen=True)
class Acl:
    """A file: its sections, and the comments and blank lines after the last one."""

    blocks: list[Block[Section]]
    tail: list[str]

    @property
    def sections(self) -> list[Section]:
        """Return the sections without the lines above them."""
        return [block.thing for block in self.blocks]

    def entries(self) -> Iterator[tuple[Section, Entry]]:
        """Yield all entries, each with its section."""
        for section in self.sections:
            for entry in section.entries:
                yield section, entry

    def values(self, name: str, subsection: str | None, key: str) -> list[str]:
        """Return all values of a key."""
        wanted = (name.lower(), subsection or "")
        found = ((s, e) for s, e in self.entries() if s.identity == wanted and e.key.lower() == key.lower())
        return [entry.value or "" for _section, entry in found]

    def render(self, indent: str = "") -> str:
        """Return the file's text: entries, with `indent`, and headers in normal form, all else as it was read.

        Comments above an entry that is indented anew go with it.
        """
        lines: list[str] = []
        for block in self.blocks:
            lines += [*block.gap, *block.comments, block.thing.normal]
            for entry in block.thing.blocks:
                same = entry.thing.indent == indent
                comments = entry.comments if same else [f"{indent}{line.lstrip(BLANK)}" for line in entry.comments]
                lines += [*entry.gap, *comments, f"{indent}{entry.thing.normal}"]
        return "".join(f"{line}\n" for line in (*lines, *self.tail))


def parse(text: str) -> Acl:
    """Read a file. Raises AclSyntaxError."""
    sections: list[Block[Section]] = []
    waiting: list[str] = []
    lines = _Lines(text)
    for raw in lines:
        rest = raw.strip(BLANK)
        if not rest or rest[0] in COMMENT:
            waiting.append(raw.rstrip(BLANK))
            continue
        if rest[0] == "[":
            section, rest = _section(rest, raw, lines.number)
            sections.append(above(section, waiting, first=not sections))
            waiting = []
        if rest:
            entry = _entry(rest, raw, lines)
            if not sections:
                raise AclSyntaxError(entry.line, "a key stands before the first section")
            sections[-1].thing.blocks.append(above(entry, waiting, first=False))
            waiting = []
    return Acl(sections, waiting)


class _Lines:
    """The lines of a text, one after another."""

    def __init__(self, text: str) -> None:
        self.lines = text.removesuffix("\n").split("\n") if text else []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.number == len(self.lines):
            raise StopIteration
        self.number += 1
        return self.lines[self.number - 1]

    def following(self) -> str:
        """Return the line that the present one goes on in."""
        if self.number == len(self.lines):
            raise AclSyntaxError(self.number, "the last line ends in a backslash")
        return next(self)


def _section(rest: str, raw: str, number: int) -> tuple[Section, str]:
    """Return the section of a header, and the entry that stands on the same line."""
    if not (match := HEADER.match(rest)):
        raise AclSyntaxError(number, f'{rest} is not the header of a section: write [name] or [name "subsection"]')
    subsection = None if match["sub"] is None else re.sub(r"\\(.)", r"\1", match["sub"])
    behind = match["rest"].strip(BLANK)
    comment = behind if behind[:1] in COMMENT else ""
    return Section(match["name"], subsection, number, comment, raw), behind.removeprefix(comment)


def _entry(rest: str, raw: str, lines: _Lines) -> Entry:
    """Return the entry that begins with `rest`, a part of the line `raw`, and may go on in the next lines."""
    number = lines.number
    if not (match := KEY.match(rest)):
        raise AclSyntaxError(number, f"{rest} is neither a section nor `key = value`")
    key, text = match["key"], match["rest"].strip(BLANK)
    if not match["assign"]:
        if text:
            raise AclSyntaxError(number, f"{key} is followed by something else than =")
        return Entry(key, None, number, "", raw)
    value, text, comment = _value(text, lines)
    more = lines.lines[number : lines.number]
    return Entry(key, value, number, text.rstrip(BLANK), "\n".join([raw, *more]), comment)


def _value(text: str, lines: _Lines) -> tuple[str, str, str]:
    """Return what a value means, its text, and the comment in that; after a backslash it goes on in the next line."""
    if not SPECIAL.search(text):
        return text, text, ""
    number, value, comment, spaces, quoted, at = lines.number, "", "", "", False, 0
    while at < len(text):
        char = text[at]
        at += 1
        if not quoted and char in BLANK:
            spaces += char
            continue
        if not quoted and char in COMMENT:
            comment = text[at - 1 :].rstrip(BLANK)
            break
        value, spaces = (value + spaces if value else value), ""
        if char == '"':
            quoted = not quoted
        elif char != "\\":
            value += char
        else:
            if at == len(text):
                text = f"{text}\n{lines.following()}"
            value += _escaped(text[at], lines.number)
            at += 1
    if quoted:
        raise AclSyntaxError(number, "a quotation mark is never closed")
    return value, text, comment


def _escaped(char: str, number: int) -> str:
    if char not in ESCAPES:
        raise AclSyntaxError(number, f"\\{char} means nothing: write \\\\ for a backslash")
    return ESCAPES[char]
