"""`--fix`: the form of a tree's files fixed, their meaning and their comments kept."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from strata.project_config import acl_form
from strata.project_config.acl import parse
from strata.project_config.blocks import Block, above, arrange
from strata.project_config.check import load
from strata.project_config.projects import Reader, compose, one_line, order
from strata.project_config.tree import PROJECTS, Tree
from strata.repository.source import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strata.project_config.findings import Finding
    from strata.repository.source import Source

WIDE = 1 << 16
DESCRIPTION = "description"
LISTS = ("groups", "options")


@dataclass
class Fixed:
    """The files that were written anew, and why others were not."""

    written: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Item:
    """A project of the list: its lines, its data, the data that it is to have, and whether its form is wrong."""

    lines: tuple[str, ...]
    data: Any
    wanted: Any
    form: bool


def fix_tree(tree: Tree) -> Fixed:
    """Write the files of a tree anew whose form is wrong."""
    done = Fixed()
    found = load(tree)
    for name in sorted({finding.path for finding in found.findings if finding.form}):
        path = PurePosixPath(name)
        source = tree.source(path)
        try:
            text = tree.read(path)
            new = fixed_projects(source, text) if path == PROJECTS else _mended_acl(source, text, found.indent)
            if new != text:
                tree.write(path, new)
                done.written.append(name)
        except BrokenFileError as error:
            done.refused.append(str(error))
    return done


def fixed_projects(source: Source, text: str) -> str:
    """Return the text of projects.yaml sorted and in form. Raises BrokenFileError where that would change more."""
    blocks, tail = _blocks(source, text)
    kept: list[Block[_Item]] = []
    at_name: dict[str | None, list[int]] = defaultdict(list)
    for block in blocks:
        first = next((at for at in at_name[_name(block)] if kept[at].thing.wanted == block.thing.wanted), None)
        if first is None:
            at_name[_name(block)].append(len(kept))
            kept.append(block)
        else:
            kept[first] = replace(kept[first], comments=(*kept[first].comments, *block.remarks))
    named = iter(arrange([block for block in kept if _name(block)], lambda item: order(item.wanted["project"])))
    kept = [next(named) if _name(block) else block for block in kept]
    wanted = [block.thing.wanted for block in kept]
    lines: list[str] = []
    for block in kept:
        item = block.thing
        comments = [line.lstrip() for line in block.comments] if item.form else block.comments
        lines += [*block.gap, *comments, *(_rewritten(source, item) if item.form else item.lines)]
    new = "\n".join([*lines, *tail])
    new = new if new.endswith("\n") else f"{new}\n"
    try:
        _node, data = compose(source, new)
    except BrokenFileError:
        data = None
    if data != wanted:
        raise source.broken(1, "can't be fixed by a program without another meaning: do it by hand")
    if new.count("#") < text.count("#"):
        raise source.broken(1, "can't be fixed by a program without the loss of a comment: do it by hand")
    return new


def _mended_acl(source: Source, text: str, indent: str) -> str:
    new = acl_form.fixed(text, indent)
    if acl_form.meaning(parse(new)) != acl_form.meaning(parse(acl_form.clean(text))):
        raise source.broken(1, "can't be fixed by a program without another meaning: do it by hand")
    return new


def _blocks(source: Source, text: str) -> tuple[list[Block[_Item]], list[str]]:
    """Return the projects with the lines above them, and what stands after the last one."""
    text = text.replace("\r\n", "\n")
    if odd := re.search("[\r\x85\u2028\u2029]", text):
        raise source.broken(1, f"has {odd[0]!r}, which YAML takes for the end of a line: do it by hand")
    node, data = compose(source, text)
    lines = text.split("\n")
    items = [] if node is None else node.value
    starts = [item.start_mark.line for item in items]
    columns = [len(lines[start]) - len(lines[start].lstrip()) for start in starts]
    if len(set(starts)) < len(starts) or not all(re.match(r" *- ", lines[start]) for start in starts):
        raise source.broken(1, "is not written as a list of `- project:`, which a program could sort: do it by hand")
    blocks: list[Block[_Item]] = []
    waiting = lines[: starts[0]] if starts else lines
    for at, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=False)):
        last = end
        while last > start + 1 and _between(lines[last - 1], columns[at]):
            last -= 1
        found: list[Finding] = []
        Reader(items[at], data[at], found).project()
        wanted = _wanted(data[at])
        form = wanted != data[at] or any(finding.form for finding in found)
        item = _Item(tuple(lines[start:last]), data[at], wanted, form)
        blocks.append(above(item, waiting, first=at == 0))
        waiting = lines[last:end]
    return blocks, list(waiting)


def _between(line: str, column: int) -> bool:
    """Return whether a line stands between two projects: a blank one, or a comment that is not indented."""
    text = line.lstrip()
    return not text or (text.startswith("#") and len(line) - len(text) <= column)


def _name(block: Block[_Item]) -> str | None:
    name = block.thing.data.get("project") if isinstance(block.thing.data, dict) else None
    return name if isinstance(name, str) else None


def _wanted(data: Any) -> Any:
    """Return what a project's data is to be: the description in one line, no name twice in a list."""
    if not isinstance(data, dict):
        return data
    wanted = dict(data)
    if isinstance(description := data.get(DESCRIPTION), str) and "\n" in description.strip():
        wanted[DESCRIPTION] = one_line(description)
    for key in LISTS:
        if isinstance(words := data.get(key), list) and all(isinstance(word, str) for word in words):
            wanted[key] = list(dict.fromkeys(words))
    return wanted


def _rewritten(source: Source, item: _Item) -> Sequence[str]:
    """Return the lines of a project in form, as ruamel.yaml writes them with their comments."""
    depth = len(item.lines[0]) - len(item.lines[0].lstrip(" -"))
    first, *rest = item.lines
    lines = [first[depth:], *(_dedented(line, depth) for line in rest)]
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    try:
        if item.wanted.get(DESCRIPTION) != item.data.get(DESCRIPTION):
            yaml.dump({DESCRIPTION: item.wanted[DESCRIPTION]}, stream)
            lines = list(_described(lines, stream.getvalue().rstrip("\n")))
        data = yaml.load("\n".join([*lines, ""]))
        for key in LISTS:
            if item.wanted.get(key) != item.data.get(key):
                for at in reversed(range(len(data[key]))):
                    if data[key][at] in data[key][:at]:
                        del data[key][at]
        stream = StringIO()
        yaml.dump(data, stream)
    except (YAMLError, ValueError, AssertionError, KeyError, TypeError) as error:
        raise source.broken(1, f"{item.lines[0].strip()} can't be fixed by a program, do it by hand: {error}") from None
    return [f"{'  ' if at else '- '}{line}" if line else "" for at, line in enumerate(stream.getvalue().splitlines())]


def _described(lines: Sequence[str], description: str) -> Iterator[str]:
    """Yield the lines of a project with another description, of which the old one may take several."""
    inside = False
    for line in lines:
        inside = line.startswith(f"{DESCRIPTION}:") or (inside and (not line or line.startswith(" ")))
        if line.startswith(f"{DESCRIPTION}:"):
            yield description
        elif not inside:
            yield line


def _dedented(line: str, depth: int) -> str:
    return line[depth:] if not line[:depth].strip() else line.lstrip()
