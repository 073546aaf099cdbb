"""What a change makes of the catalogs of hosts: those that it leaves as they are, it does not affect."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.affected.graph import Kind, Node
from strata.affected.report import Affected, follow
from strata.catalog import elsewhere, store
from strata.catalog.difference import Filter, Group, groups
from strata.catalog.elsewhere import Request
from strata.catalog.facts import RECORDED_FACTS
from strata.errors import StrataError
from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from strata.affected.change import Change
    from strata.affected.places import Places

#: Files of which all that they mean for a host is in its catalog.
SEEN = re.compile(
    r"roles/[^/]+/(?:defaults|files|meta|tasks|templates|vars)/.+|inventories/.+|site\.yml|templates/.+|project-config/.+"
    r"|(?:filter|lookup|test)_plugins/.+"
)

#: In a file of tasks, what is in no catalog.
RESCUE = re.compile(r"^\s*(?:- )?rescue:", re.MULTILINE)


@dataclass(frozen=True)
class Compared:
    """What a change makes of hosts: by inventory, the hosts with the same differences together; `notes` for people."""

    groups: Mapping[str, list[Group]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def narrowed(places: Places, found: Affected, change: Change) -> tuple[Affected, Compared]:
    """Return what a change affects, without hosts whose catalogs it leaves as they are, and what it makes of others.

    Hosts of inventories that have no recorded facts stay affected, and so do those that a change reaches by what is in
    no catalog: modules, handlers, what only a run knows.

    Args:
        places: what affects what.
        found: what the change affects, as far as files say.
        change: the change.

    """
    seen = [path for path in change.paths if _seen(path, places)]
    unseen = [path for path in change.paths if path not in seen]
    reached = follow(places, change.base, seen).hosts
    with_facts = [name for name in reached if (change.newer / "inventories" / name / RECORDED_FACTS).is_dir()]
    if not with_facts:
        return found, Compared()
    staying = follow(places, change.base, unseen).hosts
    compared: dict[str, list[Group]] = {}
    notes: list[str] = []
    equal: set[Node] = set()
    for name in with_facts:
        request = Request(
            ROOT / "inventories" / name, tuple(reached[name]), ROOT / "inventories" / name / RECORDED_FACTS
        )
        try:
            with (
                elsewhere.catalogs(change.base, request) as before,
                elsewhere.catalogs(change.tip or "", request) as after,
            ):
                compared[name] = groups(before, after, Filter())
                known = _known(compared[name], after, found.roles)
        except StrataError as error:
            notes.append(f"the catalogs of inventories/{name} are not compared: {error}")
            continue
        equal |= {Node(Kind.HOST, f"{name}/{host}") for host in known if host not in staying.get(name, ())}
    if equal:
        found = follow(places, change.base, change.paths, equal)
    return found, Compared(compared, tuple(notes))


def _seen(path: str, places: Places) -> bool:
    return SEEN.fullmatch(path) is not None and not ("/tasks/" in path and RESCUE.search(places.tree.text(path)))


def _known(found: Iterable[Group], after: Mapping[str, Path], roles: Iterable[str]) -> set[str]:
    """Return the hosts without a difference, of which nothing that an affected role applies is left to a run."""
    hosts = {host for group in found if not group.differences and not group.refused for host in group.hosts}
    affected = set(roles)

    def known(host: str) -> bool:
        return not any(
            each.role in affected and (each.unknown or not each.runnable) for each in store.read(after[host]).resources
        )

    return {host for host in hosts if host in after and known(host)}
