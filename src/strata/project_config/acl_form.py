"""The form of ACL files: written alike, sorted, nothing twice; what is not so, and the file made so."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from strata.project_config import gerrit
from strata.project_config.acl import BLANK, Acl, Entry, Section, parse
from strata.project_config.blocks import Block, arrange, inversions
from strata.project_config.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "\ufeff"

#: What entries may be indented by, all of a tree alike: nothing, or what git itself writes.
INDENTS = {"": "without indent", "\t": "with a tab"}

#: Sections in which also the values of one key are sorted.
SORTED_VALUES = frozenset({"access", "accounts", "capability", "label"})


def clean(text: str) -> str:
    """Return a file's text without what hides in it: a byte order mark, and the line ends of other systems."""
    return text.removeprefix(MARK).replace("\r\n", "\n")


def indent(acls: Iterable[Acl]) -> str:
    """Return what most entries of a tree are indented by."""
    found = Counter(entry.indent for acl in acls for section in acl.sections for entry in _own_lines(section))
    return max(INDENTS, key=lambda each: found[each])


def findings(path: str, text: str, acl: Acl, indent: str = "") -> Iterator[Finding]:
    """Yield what is wrong with the form of a file, in a tree whose entries have this indent."""
    for line, message in (*_problems(text, acl), *_indent_problem(acl, indent)):
        yield Finding(path, line, message, form=True)


def fixed(text: str, indent: str = "") -> str:
    """Return the text in the form that `findings` wants. Raises AclSyntaxError."""
    acl = parse(clean(text))
    blocks = [_mended(block) for block in _merged(acl.blocks)]
    return Acl(arrange(blocks, lambda section: section.identity), acl.tail).render(indent)


def meaning(acl: Acl) -> dict[tuple[str, str], dict[str, list[str | None]]]:
    """Return what Gerrit reads from a file: no two that mean the same differ here."""
    found: dict[tuple[str, str], dict[str, list[str | None]]] = {}
    for section in acl.sections:
        found.setdefault(section.identity, {})
    for section, entry in acl.entries():
        values = found[section.identity].setdefault(entry.key.lower(), [])
        if not (_sortable(section) and entry.value in values):
            values.append(entry.value)
    for (name, _subsection), keys in found.items():
        if name in SORTED_VALUES:
            keys.update({key: sorted(values, key=lambda value: value or "") for key, values in keys.items()})
    return found


def _problems(text: str, acl: Acl) -> Iterator[tuple[int, str]]:
    if text.startswith(MARK):
        yield 1, "begins with a byte order mark"
    if "\r\n" in text:
        yield text[: text.index("\r\n")].count("\n") + 1, "ends in a carriage return: lines end in a newline only"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "the last line has no newline"
    seen: dict[tuple[str, str], Section] = {}
    for section in acl.sections:
        if (first := seen.setdefault(section.identity, section)) is not section:
            yield section.line, f"{section.header} is there twice, first in line {first.line}"
        if section.raw != section.normal and not _shares_its_line(section):
            yield section.line, _spelling(section.raw, section.normal)
        yield from _entry_problems(section)
    for before, after in inversions(acl.sections, lambda section: section.identity):
        yield after.line, f"{after.header} stands after {before.header}: sections are sorted"


def _entry_problems(section: Section) -> Iterator[tuple[int, str]]:
    seen: dict[tuple[str, str | None], Entry] = {}
    for entry in section.entries:
        if entry.line == section.line:
            yield entry.line, f"{entry.key} stands on the line of {section.header}: entries have lines of their own"
        elif (raw := entry.raw.lstrip(BLANK)) != entry.normal:
            yield entry.line, _spelling(raw, entry.normal)
        if _sortable(section) and (first := seen.setdefault(_same(entry), entry)) is not entry:
            yield entry.line, f"`{entry.normal}` is there twice, first in line {first.line}"
    if _sortable(section):
        for before, after in inversions(section.entries, lambda entry: _order(section, entry)):
            yield after.line, f"`{after.normal}` stands after `{before.normal}`: entries are sorted"


def _indent_problem(acl: Acl, indent: str) -> Iterator[tuple[int, str]]:
    """Yield one problem for all entries that are indented in another way than the tree's."""
    entries = [entry for section in acl.sections for entry in _own_lines(section)]
    if odd := [entry for entry in entries if entry.indent != indent]:
        which = f"`{odd[0].normal}`{f' and {len(odd) - 1} more of {len(entries)} entries' if odd[1:] else ''}"
        yield odd[0].line, f"{which} must begin {INDENTS[indent]}, as most entries of this tree do"


def _own_lines(section: Section) -> list[Entry]:
    """Return the entries that do not stand on the line of their section."""
    return [entry for entry in section.entries if entry.line != section.line]


def _spelling(raw: str, normal: str) -> str:
    if raw[:1] in BLANK:
        return f"`{normal}` is indented: sections begin at the beginning of the line"
    if raw.rstrip(BLANK) == normal:
        return f"`{normal}` is followed by white space"
    return f"`{raw}` is to be written `{normal}`"


def _shares_its_line(section: Section) -> bool:
    return any(entry.line == section.line for entry in section.entries)


def _sortable(section: Section) -> bool:
    known = gerrit.section(section.name)
    return known is not None and not known.ordered


def _same(entry: Entry) -> tuple[str, str | None]:
    return entry.key.lower(), entry.value


def _order(section: Section, entry: Entry) -> object:
    return entry.key, _natural(entry.value or "") if section.name.lower() in SORTED_VALUES else []


def _natural(value: str) -> list[tuple[int, int, str]]:
    """Return what sorts values as people do: -2 before -1, and +1 before +2."""
    words = re.split(r"[\s.]+", value)
    return [(0, int(word), "") if re.fullmatch(r"[+-]?\d{1,9}", word) else (1, 0, word) for word in words]


def _merged(blocks: Iterable[Block[Section]]) -> list[Block[Section]]:
    """Return sections of which none is there twice; what stood above a later one stays with its entries."""
    found: dict[tuple[str, str], Block[Section]] = {}
    for block in blocks:
        first = found.setdefault(block.thing.identity, block)
        if first is not block:
            first = found[block.thing.identity]
            above = (*block.remarks, *filter(None, [block.thing.comment]))
            entries = list(block.thing.blocks)
            if entries:
                entries[0] = replace(entries[0], comments=(*above, *entries[0].comments))
            merged = replace(first.thing, blocks=[*first.thing.blocks, *entries])
            comments = first.comments if entries else (*first.comments, *above)
            found[block.thing.identity] = replace(first, thing=merged, comments=comments)
    return list(found.values())


def _mended(block: Block[Section]) -> Block[Section]:
    section = block.thing
    if not _sortable(section):
        return block
    single: dict[tuple[str, str | None], Block[Entry]] = {}
    for entry in section.blocks:
        first = single.setdefault(_same(entry.thing), entry)
        if first is not entry:
            first = single[_same(entry.thing)]
            remarks = (*entry.remarks, *filter(None, [entry.thing.comment]))
            single[_same(entry.thing)] = replace(first, comments=(*first.comments, *remarks))
    entries = arrange(list(single.values()), lambda entry: _order(section, entry))
    return replace(block, thing=replace(section, blocks=entries))
