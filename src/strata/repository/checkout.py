"""The repository as the rules see it: site.yml and the roles, read when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata.repository.roles import BARE_NAME, Role, closure, load_roles
from strata.repository.source import Source, Violation, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Play:
    """A play of site.yml: the node definition of the hosts that match its pattern."""

    node: Mapping[str, Any]
    source: Source

    @property
    def line(self) -> int:
        """Return the line that the play begins on."""
        return line(self.node)

    @property
    def hosts(self) -> list[str]:
        """Return the host patterns."""
        given = self.node.get("hosts") or []
        return [str(pattern) for pattern in (given if isinstance(given, list) else [given])]

    @property
    def name(self) -> str:
        """Return the play's name, as Ansible shows it."""
        return str(self.node.get("name", ",".join(self.hosts)))

    @property
    def entries(self) -> list[Any]:
        """Return the entries of `roles:` as written. Raises BrokenFileError."""
        return self.source.items(self.node.get("roles"), "roles", line(self.node, "roles"))

    @property
    def roles(self) -> list[str]:
        """Return the names among the entries of `roles:`."""
        return [str(entry) for entry in self.entries if isinstance(entry, str)]


@dataclass(frozen=True)
class Repository:
    """The checkout at `root`."""

    root: Path

    def source(self, path: str) -> Source:
        """Return a file of the repository, whether it exists or not."""
        return Source(self.root, self.root / path)

    @cached_property
    def site(self) -> Source:
        """Return site.yml."""
        return self.source("site.yml")

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Return our own roles by name."""
        return load_roles(self.root)

    @cached_property
    def known_roles(self) -> dict[str, Role]:
        """Return all roles that Ansible finds: ours, and those of other repositories."""
        return {**load_roles(self.root, "vendor/roles"), **self.roles}

    @cached_property
    def plays(self) -> list[Play]:
        """Return the plays of site.yml. Raises BrokenFileError."""
        entries = self.site.sequence()
        return [
            Play(self.site.section(entry, "a play", line(entries, at)), self.site) for at, entry in enumerate(entries)
        ]

    def run_order(self, play: Play) -> list[str]:
        """Return all roles that a play runs, in the order in which they run."""
        return closure(play.roles, self.known_roles)

    def below(self, role: Role) -> list[str]:
        """Return the roles that a role depends on, directly or not."""
        return [name for name in closure([role.name], self.known_roles) if name != role.name]


def bare_names(source: Source, entries: list[Any], what: str) -> Iterator[Violation]:
    """Yield a violation for each entry of a list of roles that is anything but a name."""
    for at, entry in enumerate(entries):
        if not (isinstance(entry, str) and BARE_NAME.fullmatch(entry)):
            message = f"{what} is a bare name, without parameters, tags, when or become"
            yield source.violation(line(entries, at), message)
