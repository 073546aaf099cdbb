"""The hosts of all inventories: which groups they are in, and which roles their plays name."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from strata.affected.graph import Kind, Node
from strata.repository.inventory import manager
from strata.repository.plays import plays_of_hosts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible.inventory.manager import InventoryManager

    from strata.affected.tree import Tree

#: The endings that Ansible takes for files of variables.
SUFFIXES = (".yml", ".yaml", ".json")


class Hosts:
    """The hosts of the inventories of a tree."""

    def __init__(self, tree: Tree) -> None:
        """Remember the tree; inventories are read when they are asked for."""
        self._tree = tree

    @cached_property
    def all(self) -> set[Node]:
        """Return all hosts."""
        return {host for inventory in self._members for host in self.of_group(inventory, "all")}

    @cached_property
    def of_role(self) -> dict[str, set[Node]]:
        """Return the hosts of the plays that name a role, by the role."""
        found: dict[str, set[Node]] = {}
        plays = [play for side in self._tree.sides for play in side.plays]
        for inventory, read in self._managers:
            for host, its in plays_of_hosts(plays, read).items():
                for role in (role for play in its for role in play.roles):
                    found.setdefault(role, set()).add(_host(inventory, host))
        return found

    def reached(self, path: str) -> set[Node]:
        """Return the hosts that a file of an inventory says something of."""
        _, inventory, *rest = path.split("/")
        if len(rest) > 1 and rest[0] in {"group_vars", "host_vars"}:
            names = {rest[1], *(rest[1].removesuffix(suffix) for suffix in SUFFIXES)}
            if rest[0] == "group_vars":
                return {host for name in names for host in self.of_group(inventory, name)}
            return {host for host in self.of_group(inventory, "all") if host.name.partition("/")[2] in names}
        return self.of_group(inventory, "all")

    def of_group(self, inventory: str, group: str) -> set[Node]:
        """Return the hosts of a group, also of one that is not there."""
        return {_host(inventory, name) for name in self._members.get(inventory, {}).get(group, ())}

    @cached_property
    def _members(self) -> dict[str, dict[str, set[str]]]:
        """The names of hosts by inventory and group."""
        found: dict[str, dict[str, set[str]]] = {}
        for inventory, read in self._managers:
            for name, group in read.groups.items():
                members = found.setdefault(inventory, {}).setdefault(name, set())
                members.update(host.name for host in group.get_hosts())
        return found

    @cached_property
    def _managers(self) -> list[tuple[str, InventoryManager]]:
        folders = [folder for side in self._tree.sides for folder in _inventories(side.root)]
        return [(folder.name, manager(folder)) for folder in folders]


def _inventories(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in (root / "inventories").glob("[!.]*") if path.is_dir())


def _host(inventory: str, name: str) -> Node:
    return Node(Kind.HOST, f"{inventory}/{name}")
