"""Which roles there are, and who uses them: other roles, and hosts of an inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.repository.checkout import Repository
from strata.repository.inventory import manager
from strata.repository.plays import plays_of_hosts
from strata.repository.source import plain

if TYPE_CHECKING:
    from pathlib import Path

    from strata.repository.roles import Role


@dataclass(frozen=True)
class Usage:
    """A role, the names of the roles that depend on it directly, and those of the hosts that run it."""

    role: Role
    roles: list[str]
    hosts: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return what is known of the role as JSON has it."""
        return {
            "role": self.role.name,
            "name": self.role.full_name,
            "version": self.role.version,
            "source": self.role.folder,
            "description": str(self.role.about.get("description", "")),
            "platforms": self.role.platforms,
            "dependencies": self.role.dependency_names,
            "requires": plain(self.role.requires),
            "roles": self.roles,
            "hosts": self.hosts,
        }


def usages(root: Path, inventory: Path) -> list[Usage]:
    """Return the roles of the checkout at `root`, sorted by name, with their users; the hosts are those of `inventory`.

    Raises StrataError for a file that can't be read.
    """
    repository = Repository(root)
    hosts: dict[str, list[str]] = {name: [] for name in repository.known_roles}
    for host, plays in plays_of_hosts(repository.plays, manager(inventory)).items():
        for name in dict.fromkeys(name for play in plays for name in repository.run_order(play)):
            hosts[name].append(host)
    roles = sorted(repository.known_roles.items())
    users = {name: [other for other, role in roles if name in role.dependency_names] for name, _ in roles}
    return [Usage(role, users[name], hosts[name]) for name, role in roles]
