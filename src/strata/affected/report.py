"""What a change affects, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.affected.change import changed
from strata.affected.graph import Kind, Node, chain, file, reach
from strata.affected.places import Places, placed
from strata.affected.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Affected:
    """What a change affects; `chains` has the shortest way from a changed file to each thing."""

    base: str
    changed: list[str]
    unplaced: list[str]
    unit_tests: list[str]
    chains: Mapping[Node, list[Node]]

    @property
    def roles(self) -> list[str]:
        """Return the names of roles."""
        return self._names(Kind.ROLE)

    @property
    def scenarios(self) -> list[str]:
        """Return the names of scenarios."""
        return self._names(Kind.SCENARIO)

    @property
    def parts(self) -> list[str]:
        """Return the parts of the suite, the scenarios too, as `strata test` takes them."""
        return [*self._names(Kind.PART), *self.scenarios]

    @property
    def hosts(self) -> dict[str, list[str]]:
        """Return the names of hosts by inventory."""
        found: dict[str, list[str]] = {}
        for name in self._names(Kind.HOST):
            inventory, _, host = name.partition("/")
            found.setdefault(inventory, []).append(host)
        return found

    def why(self) -> Iterator[list[str]]:
        """Yield the chain to each role, scenario, unit test, part and host."""
        tests = map(file, self.unit_tests)
        for kind in (Kind.ROLE, Kind.SCENARIO, Kind.FILE, Kind.PART, Kind.HOST):
            for node in sorted(tests if kind == Kind.FILE else self._nodes(kind)):
                yield [str(each) for each in self.chains[node]]

    def as_json(self) -> dict[str, Any]:
        """Return all but the chains as JSON has it."""
        return {
            "base": self.base,
            "changed": self.changed,
            "unplaced": self.unplaced,
            "roles": self.roles,
            "scenarios": self.scenarios,
            "unit_tests": self.unit_tests,
            "parts": self.parts,
            "hosts": self.hosts,
        }

    def _names(self, kind: Kind) -> list[str]:
        return sorted(node.name for node in self._nodes(kind))

    def _nodes(self, kind: Kind) -> Iterator[Node]:
        return (node for node in self.chains if node.kind == kind)


def affected(root: Path, given: str | None = None) -> Affected:
    """Return what a change in the checkout at `root` affects.

    Args:
        root: the checkout.
        given: a range A..B of git; by default all since the branch left main, with files that are not committed.

    Raises:
        UsageError: the range can't be used.
        StrataError: a file of the repository can't be read.

    """
    with changed(root, given) as change:
        return follow(Places(Tree(change)), change.base, change.paths)


def follow(places: Places, base: str, paths: Sequence[str], without: Collection[Node] = ()) -> Affected:
    """Return what changed files affect.

    Args:
        places: what affects what.
        base: the commit that the change begins at.
        paths: the files that it changes.
        without: what is known not to be affected.

    Raises:
        StrataError: a file can't be read.

    """
    starts = {file(path) for path in paths}

    def affected_by(node: Node) -> Iterator[Node]:
        found = places.changed(node.name) if node in starts else places.affected(node)
        return (each for each in found if each not in without)

    before = reach(sorted(starts), affected_by)
    return Affected(
        base,
        list(paths),
        [path for path in paths if not placed(path)],
        [path for path in places.tree.unit_tests if file(path) in before],
        {node: chain(node, before) for node in before},
    )
