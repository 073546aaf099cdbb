"""Rules for the graph of roles: the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.repository.checkout import Repository, bare_names
from strata.repository.source import Violation, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.roles import Role

BELOW = {"project": {"ci", "service"}, "ci": {"service"}, "service": {"service"}}
SHARED = "project_server"


def dependencies_are_bare_names(repository: Repository) -> Iterator[Violation]:
    """Dependencies are bare names of roles that exist, and no role may run twice on a host."""
    for role in repository.roles.values():
        source = role.source("meta/main.yml")
        yield from bare_names(source, role.dependencies, "a dependency")
        for at, name in enumerate(role.dependencies):
            if isinstance(name, str) and name not in repository.known_roles:
                yield source.violation(line(role.dependencies, at), f"there is no role {name}")
        if role.meta.get("allow_duplicates"):
            at = line(role.meta, "allow_duplicates")
            yield source.violation(at, "allow_duplicates: a role runs once on a host")


def dependencies_point_down(repository: Repository) -> Iterator[Violation]:
    """Project roles depend on ci and service roles and on project_server, ci and service roles on service roles."""
    for role in repository.roles.values():
        for at, name in enumerate(role.dependencies):
            other = repository.known_roles.get(name) if isinstance(name, str) else None
            if other is not None and not _stands_below(other, role):
                message = f"{role.name} is a {role.layer} role and can't depend on {name}, a {other.layer} role"
                yield role.source("meta/main.yml").violation(line(role.dependencies, at), message)


def dependencies_make_no_cycle(repository: Repository) -> Iterator[Violation]:
    """No role depends on itself, directly or through others."""
    done: set[str] = set()
    for role in repository.roles.values():
        yield from _cycles(repository, role, [], done)


def _stands_below(other: Role, role: Role) -> bool:
    return other.layer in BELOW[role.layer] or (role.layer == "project" and other.name == SHARED)


def _cycles(repository: Repository, role: Role, path: list[str], done: set[str]) -> Iterator[Violation]:
    if role.name in done:
        return
    for at, name in enumerate(role.dependencies):
        if name in (*path, role.name):
            cycle = [*path, role.name][[*path, role.name].index(name) :]
            message = f"the dependencies make a circle: {' -> '.join([*cycle, name])}"
            yield role.source("meta/main.yml").violation(line(role.dependencies, at), message)
        elif isinstance(name, str) and name in repository.known_roles:
            yield from _cycles(repository, repository.known_roles[name], [*path, role.name], done)
    done.add(role.name)
