"""What differs between two catalogs of a host, and between those of all hosts: data, and lines for people."""

from __future__ import annotations

import collections
import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

#: Stands for what is not there.
ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One resource that is added, removed or changed: `sign` is +, - or ~, `lines` say what is otherwise."""

    sign: str
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Hosts with the same differences, or which are refused for the same reason."""

    hosts: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    refused: str = ""


def groups(before: Mapping[str, Catalog], after: Mapping[str, Catalog]) -> list[Group]:
    """Return the hosts of two revisions by what differs between them, those without a difference last."""
    found: dict[tuple[tuple[Difference, ...], str], list[str]] = collections.defaultdict(list)
    for host in sorted(before.keys() | after.keys()):
        found[_of_host(before.get(host), after.get(host))].append(host)
    made = [Group(tuple(hosts), differences, refused) for (differences, refused), hosts in found.items()]
    return sorted(made, key=lambda group: (not (group.differences or group.refused), group.hosts))


def _of_host(before: Catalog | None, after: Catalog | None) -> tuple[tuple[Difference, ...], str]:
    reasons = [
        f"{when}: {catalog.refused}"
        for when, catalog in (("before", before), ("after", after))
        if catalog is not None and catalog.refused
    ]
    if reasons:
        return (), "; ".join(reasons)
    old, new = (() if catalog is None else catalog.resources for catalog in (before, after))
    return tuple(differences(old, new)), ""


def differences(before: tuple[Resource, ...], after: tuple[Resource, ...]) -> Iterator[Difference]:
    """Give what differs between the resources of a host, in their order."""
    old, new = _keyed(before), _keyed(after)
    for key, resource in old.items():
        if key not in new:
            yield Difference("-", _title(resource))
    for key, resource in new.items():
        if key not in old:
            yield Difference("+", _title(resource), tuple(_shown("", resource.args)))
            continue
        lines = tuple(_changes(old[key], resource))
        if lines:
            yield Difference("~", _title(resource), lines)
    kept = [key for key in old if key in new]
    if kept != [key for key in new if key in old]:
        yield Difference("~", "the order of the resources")


def _keyed(resources: tuple[Resource, ...]) -> dict[tuple[Any, ...], Resource]:
    """Return resources by what stays the same when they are edited, with a number where that is not enough."""
    seen: collections.Counter[tuple[Any, ...]] = collections.Counter()
    found = {}
    for each in resources:
        key = (each.role, each.module, each.name, each.item)
        seen[key] += 1
        found[(*key, seen[key])] = each
    return found


def _title(resource: Resource) -> str:
    item = f" ({resource.item})" if resource.item else ""
    role = f"{resource.role}: " if resource.role else ""
    return f"{role}{resource.name or resource.action}{item}: {resource.module}, {resource.place}"


def _changes(before: Resource, after: Resource) -> Iterator[str]:
    yield from _compared("", before.args, after.args)
    for name in ATTRIBUTES:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{name} of the task: {_text(old)} -> {_text(new)}"


def _compared(path: str, before: Any, after: Any) -> Iterator[str]:
    """Give lines for what differs between two values, each with the way to it."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            way = f"{path}.{name}" if path else f"{name}"
            yield from _compared(way, before.get(name, ABSENT), after.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    elif isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after):
        yield f"{path}:"
        diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT_LINES, lineterm="")
        yield from (f"  {line}" for line in list(diff)[2:] or ["(the end of the last line)"])
    elif before is ABSENT:
        yield from (f"+ {line}" for line in _shown(path, after))
    elif after is ABSENT:
        yield f"- {path}: {_text(before)}"
    else:
        yield f"{path}: {_text(before)} -> {_text(after)}"


def _lists(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    identity = _identity(before, after)
    if identity is None:
        old, new = ([_text(each) for each in entries] for entries in (before, after))
        gone = list((collections.Counter(old) - collections.Counter(new)).elements())
        come = list((collections.Counter(new) - collections.Counter(old)).elements())
        yield from (f"- {path}: {text}" for text in gone)
        yield from (f"+ {path}: {text}" for text in come)
        if not gone and not come:
            yield f"{path}: the order: {', '.join(old)} -> {', '.join(new)}"
        return
    named = [{f"{each[identity]}": each for each in entries} for entries in (before, after)]
    for name in [*named[0], *(name for name in named[1] if name not in named[0])]:
        yield from _compared(f"{path}[{name}]", named[0].get(name, ABSENT), named[1].get(name, ABSENT))
    if [name for name in named[0] if name in named[1]] != [name for name in named[1] if name in named[0]]:
        yield f"{path}: the order: {', '.join(named[0])} -> {', '.join(named[1])}"


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
