"""Which roles use what: other roles, modules and plugins; and the scenarios and playbooks that use roles."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from strata.export.needs import ALWAYS, plugins, uses
from strata.export.references import TASKS, in_jinja

if TYPE_CHECKING:
    from pathlib import Path

    from strata.affected.tree import Tree
    from strata.repository.roles import Role

ENTRY = re.compile(r"^\s*- (?:role:\s*)?([a-z][a-z0-9_]*)\s*$", re.MULTILINE)
KEY = re.compile(r"^[\s-]*(\w+):", re.MULTILINE)
YAML = (".yml", ".yaml")
IMPORTED = re.compile(r"import_playbook:\s*(\S+)")


class Roles:
    """The roles and playbooks of a tree."""

    def __init__(self, tree: Tree) -> None:
        """Remember the tree; roles are read when they are asked for."""
        self._tree = tree

    @cached_property
    def names(self) -> set[str]:
        """Return the names of all roles."""
        return {name for side in self._tree.sides for name in side.known_roles}

    @cached_property
    def dependents(self) -> dict[str, set[str]]:
        """Return the roles that name a role as their dependency, by the role."""
        found: dict[str, set[str]] = {}
        for role in self._all:
            for name in role.dependency_names:
                found.setdefault(name, set()).add(role.name)
        return found

    @cached_property
    def users(self) -> dict[str, set[str]]:
        """Return the roles that use a module or plugin, by its path."""
        found: dict[str, set[str]] = {}
        for role in self._all:
            for folder, name in (ALWAYS, *uses(role, self._plugins)):
                found.setdefault(f"{folder}/{name}.py", set()).add(role.name)
        return found

    @cached_property
    def named(self) -> dict[str, set[str]]:
        """Return the playbooks that use a module or plugin, by its path, or a role, by its name.

        Settings of scenarios and inventories use plugins too.
        """
        found: dict[str, set[str]] = {}
        for path, text in self._tree.texts(
            [*self._tree.below("molecule", YAML), *self._tree.below("inventories", YAML)]
        ):
            uses = {f"{folder}/{name}.py" for folder, name, _ in in_jinja(text) if name in self._plugins[folder]}
            if path.startswith("molecule/") and not path.endswith("/molecule.yml"):
                keys = set(KEY.findall(text))
                uses |= {f"{folder}/{name}.py" for folder in TASKS for name in keys & self._plugins[folder]}
                uses |= self.names & set(ENTRY.findall(text))
            for used in uses:
                found.setdefault(used, set()).add(path)
        return found

    def vendored(self, path: str) -> set[str]:
        """Return the names of the roles of other repositories of which modules.env or modules.lock says new things."""
        from strata.vendored import entries, lock  # noqa: PLC0415 - slow, and seldom needed

        def said(root: Path) -> set[tuple[str, str, str]]:
            if path == "modules.lock":
                return {(pin.name, pin.url, pin.sha) for pin in lock.read(root / path, file_allowed=True).values()}
            return {(entry.name, entry.url, entry.ref) for entry in entries.read(root / path, file_allowed=True)}

        newer, older = (said(side.root) for side in self._tree.sides)
        return {name for name, _, _ in newer ^ older}

    @cached_property
    def _all(self) -> list[Role]:
        return [role for side in self._tree.sides for role in side.known_roles.values()]

    @cached_property
    def _plugins(self) -> dict[str, frozenset[str]]:
        newer, older = (plugins(side.root) for side in self._tree.sides)
        return {folder: names | older[folder] for folder, names in newer.items()}
