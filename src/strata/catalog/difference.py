"""What differs between two catalogs of a host, and between those of all hosts."""

from __future__ import annotations

import collections
import difflib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from strata.catalog.resource import same
from strata.catalog.store import read
from strata.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from strata.catalog.resource import Catalog, Resource

#: By which of its values an entry of a list is known, the first that all entries have.
IDENTITIES = ("path", "name", "dest", "value", "hostname", "url")

#: What is compared beside the arguments; where a task stands is not.
ATTRIBUTES = (
    "action",
    "tags",
    "no_log",
    "become",
    "environment",
    "check_mode",
    "delegate_to",
    "ignore_errors",
    "changed",
    "notify",
    "unknown",
    "reason",
)

CONTEXT_LINES = 2

#: What is ignored, as it is written: TYPE[title]::attribute.
IGNORED = re.compile(r"(?P<module>[\w.*]+)\[(?P<name>.*?)\](?:::(?P<attribute>.+))?")

#: Stands in the file of a catalog whose host could be compiled.
COMPILED = '\n "refused": null,\n'

#: Stands for what is not there.
ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One argument, or attribute of the task, that is otherwise: the way to it, and lines that say how."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One resource that is added, removed or changed: `sign` is +, - or ~; none if it is the order of all of them."""

    sign: str
    module: str = ""
    role: str = ""
    name: str = ""
    place: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def heading(self) -> str:
        """Return what the resource is."""
        role = f"{self.role}: " if self.role else ""
        return f"{role}{self.name}: {self.module}" if self.module else "the order of the resources"

    @property
    def title(self) -> str:
        """Return what the resource is, and where, as one line."""
        return f"{self.heading}, {self.place}" if self.place else self.heading

    @property
    def lines(self) -> list[str]:
        """Return what is otherwise, as lines."""
        return [line for change in self.changes for line in change.lines]


@dataclass(frozen=True)
class Group:
    """Hosts with the same differences, or which cannot be compiled for the same reason: before, after, or both."""

    hosts: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


#: What became of a host: differences, or why it cannot be compiled.
Outcome: TypeAlias = tuple[tuple[Difference, ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Filter:
    """What of the differences counts: those of `roles`, of all if there are none, but not what `ignored` matches."""

    roles: frozenset[str] = frozenset()
    ignored: tuple[Ignored, ...] = ()

    def of(self, differences: Iterable[Difference]) -> Iterator[Difference]:
        """Give the differences that count."""
        for each in differences:
            if self.roles and each.role not in self.roles:
                continue
            ignored = [entry for entry in self.ignored if entry.concerns(each)]
            if any(not entry.attribute for entry in ignored):
                continue
            changes = tuple(change for change in each.changes if not any(entry.covers(change) for entry in ignored))
            if changes or not each.changes:
                yield replace(each, changes=changes)


@dataclass(frozen=True)
class Ignored:
    """A pattern of resources, and of what of them is ignored: all of it without an attribute; a star is any text."""

    module: str
    name: str
    attribute: str = ""

    def concerns(self, difference: Difference) -> bool:
        """Tell whether it means a resource."""
        modules = (difference.module, difference.module.rpartition(".")[2])
        return any(_matches(self.module, each) for each in modules) and _matches(self.name, difference.name)

    def covers(self, change: Change) -> bool:
        """Tell whether it means a change, or something that the change is in."""
        return _matches(self.attribute, change.path, within=True)


def ignored(text: str) -> Ignored:
    """Return what `TYPE[title]::attribute` means.

    Raises:
        UsageError: the text is not of this form.

    """
    found = IGNORED.fullmatch(text)
    if found is None:
        raise UsageError(f"--ignore: {text} is not of the form TYPE[title]::attribute, such as 'sshd[*]::version'")
    return Ignored(found["module"], found["name"], found["attribute"] or "")


def _matches(pattern: str, text: str, *, within: bool = False) -> bool:
    expression = ".*".join(map(re.escape, pattern.split("*"))) + (r"(?:[.\[].*)?" if within else "")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def groups(before: Mapping[str, Path], after: Mapping[str, Path], counting: Filter) -> list[Group]:
    """Return the hosts of two revisions by what differs between them, those without a difference last.

    Args:
        before: the files of the catalogs of one revision, by host.
        after: those of the other one.
        counting: what counts as a difference.

    Raises:
        StrataError: a file is no catalog.

    """
    found: dict[Outcome, list[str]] = collections.defaultdict(list)
    for host in sorted(before.keys() | after.keys()):
        found[_of_files(before.get(host), after.get(host), counting)].append(host)
    made = [Group(tuple(hosts), differences, refused) for (differences, refused), hosts in found.items()]
    return sorted(made, key=lambda group: (not (group.differences or group.refused), group.hosts))


def _of_files(before: Path | None, after: Path | None, counting: Filter) -> Outcome:
    # Of most hosts nothing differs, and nothing of them need be parsed.
    if before is not None and after is not None:
        texts = [path.read_text(encoding="utf-8") for path in (before, after)]
        if same(*texts) and COMPILED in texts[0]:
            return (), ()
    old, new = (None if path is None else read(path) for path in (before, after))
    return _of_host(old, new, counting)


def _of_host(before: Catalog | None, after: Catalog | None, counting: Filter) -> Outcome:
    refused = tuple(
        (when, catalog.refused)
        for when, catalog in (("before", before), ("after", after))
        if catalog is not None and catalog.refused
    )
    if refused:
        return (), refused
    old, new = (() if catalog is None else catalog.resources for catalog in (before, after))
    return tuple(counting.of(differences(old, new))), ()


def differences(before: tuple[Resource, ...], after: tuple[Resource, ...]) -> Iterator[Difference]:
    """Give what differs between the resources of a host, in their order."""
    old, new = _keyed(before), _keyed(after)
    for key, resource in old.items():
        if key not in new:
            yield _difference("-", resource, ())
    for key, resource in new.items():
        if key not in old:
            args = (Change(name, tuple(_shown(name, value))) for name, value in resource.args.items())
            yield _difference("+", resource, args)
            continue
        changes = tuple(_changes(old[key], resource))
        if changes:
            yield _difference("~", resource, changes)
    kept = [key for key in old if key in new]
    if kept != [key for key in new if key in old]:
        yield Difference("~")


def _difference(sign: str, resource: Resource, changes: Iterable[Change]) -> Difference:
    name = (resource.name or resource.action) + (f" ({resource.item})" if resource.item else "")
    return Difference(sign, resource.module, resource.role, name, resource.place, tuple(changes))


def _keyed(resources: tuple[Resource, ...]) -> dict[tuple[Any, ...], Resource]:
    """Return resources by what stays the same when they are edited, with a number where that is not enough."""
    seen: collections.Counter[tuple[Any, ...]] = collections.Counter()
    found = {}
    for each in resources:
        key = (each.role, each.module, each.name, each.item)
        seen[key] += 1
        found[(*key, seen[key])] = each
    return found


def _changes(before: Resource, after: Resource) -> Iterator[Change]:
    yield from _compared("", before.args, after.args)
    for name in ATTRIBUTES:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Change(name, (f"{name} of the task: {_text(old)} -> {_text(new)}",))


def _compared(path: str, before: Any, after: Any) -> Iterator[Change]:
    """Give what differs between two values, each with the way to it."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            way = f"{path}.{name}" if path else f"{name}"
            yield from _compared(way, before.get(name, ABSENT), after.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    elif isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after):
        diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT_LINES, lineterm="")
        lines = list(diff)[2:] or ["(the end of the last line)"]
        yield Change(path, (f"{path}:", *(f"  {line}" for line in lines)))
    elif before is ABSENT:
        yield Change(path, tuple(f"+ {line}" for line in _shown(path, after)))
    elif after is ABSENT:
        yield Change(path, (f"- {path}: {_text(before)}",))
    else:
        yield Change(path, (f"{path}: {_text(before)} -> {_text(after)}",))


def _lists(path: str, before: list[Any], after: list[Any]) -> Iterator[Change]:
    identity = _identity(before, after)
    if identity is None:
        old, new = ([_text(each) for each in entries] for entries in (before, after))
        gone = list((collections.Counter(old) - collections.Counter(new)).elements())
        come = list((collections.Counter(new) - collections.Counter(old)).elements())
        lines = [*(f"- {path}: {text}" for text in gone), *(f"+ {path}: {text}" for text in come)]
        yield Change(path, tuple(lines or [f"{path}: the order: {', '.join(old)} -> {', '.join(new)}"]))
        return
    named = [{f"{each[identity]}": each for each in entries} for entries in (before, after)]
    for name in [*named[0], *(name for name in named[1] if name not in named[0])]:
        yield from _compared(f"{path}[{name}]", named[0].get(name, ABSENT), named[1].get(name, ABSENT))
    if [name for name in named[0] if name in named[1]] != [name for name in named[1] if name in named[0]]:
        yield Change(path, (f"{path}: the order: {', '.join(named[0])} -> {', '.join(named[1])}",))


def _identity(before: list[Any], after: list[Any]) -> str | None:
    """Return the key by which the entries of both lists are known, None if there is no such."""
    entries = [*before, *after]
    if not all(isinstance(each, dict) for each in entries):
        return None
    for name in IDENTITIES:
        if all(name in each for each in entries):
            values = [[f"{each[name]}" for each in side] for side in (before, after)]
            if all(len(set(side)) == len(side) for side in values):
                return name
    return None


def _shown(path: str, value: Any) -> Iterator[str]:
    """Give lines for a value that is new."""
    if isinstance(value, dict) and value:
        for name, entry in value.items():
            yield from _shown(f"{path}.{name}" if path else f"{name}", entry)
    elif isinstance(value, str) and "\n" in value:
        yield f"{path}:"
        yield from (f"    {line}" for line in value.splitlines())
    else:
        yield f"{path}: {_text(value)}" if path else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
