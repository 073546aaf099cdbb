"""Rules for site.yml, the node definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.repository.checkout import Play, Repository, bare_names
from strata.repository.inventory import manager
from strata.repository.plays import plays_of_hosts
from strata.repository.source import BrokenFileError, Violation, line
from strata.rules.tasks import tags

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = ("tasks", "post_tasks", "handlers", "vars", "vars_files", "vars_prompt")


def plays_name_project_roles(repository: Repository) -> Iterator[Violation]:
    """site.yml says which hosts get which project roles, by their bare names, and nothing else."""
    if not repository.plays:
        yield repository.site.violation(1, "has no play")
    for play in repository.plays:
        if "hosts" not in play.node:
            yield repository.site.violation(play.line, "only plays with hosts: stand in site.yml")
        for key in ELSEWHERE:
            if key in play.node:
                message = f"{key}: belongs into a role, not into the play {play.name!r}"
                yield repository.site.violation(line(play.node, key), message)
        yield from bare_names(repository.site, play.entries, "an entry of roles:")
        yield from _project_roles(repository, play)


def plays_begin_with_preflight(repository: Repository) -> Iterator[Violation]:
    """Every play begins with the task preflight, tagged always, and has no other task of its own."""
    for play in repository.plays:
        tasks = repository.site.items(play.node.get("pre_tasks"), "pre_tasks", line(play.node, "pre_tasks"))
        if not tasks or not _is_preflight(tasks[0]):
            message = f"the play {play.name!r} must begin with the task preflight in pre_tasks, tagged always"
            yield repository.site.violation(line(tasks, 0) if tasks else play.line, message)
        for at in range(1, len(tasks)):
            yield repository.site.violation(line(tasks, at), "pre_tasks holds preflight only: other tasks need a role")


def _project_roles(repository: Repository, play: Play) -> Iterator[Violation]:
    for at, name in enumerate(play.entries):
        if not isinstance(name, str):
            continue
        role = repository.known_roles.get(name)
        if role is None:
            yield repository.site.violation(line(play.entries, at), f"there is no role {name}")
        elif role.layer != "project":
            message = f"site.yml names project roles only: a project role must bring in {name}"
            yield repository.site.violation(line(play.entries, at), message)


def _is_preflight(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and "preflight" in task
        and "always" in tags(task)
        and set(task) <= {"name", "preflight", "tags"}
    )


def hosts_are_in_one_play(repository: Repository) -> Iterator[Violation]:
    """Every host of every inventory is in exactly one play, and every play has a host in some inventory."""
    plays = repository.plays
    used: set[int] = set()
    for inventory in sorted(path for path in (repository.root / "inventories").glob("[!.]*") if path.is_dir()):
        name = f"inventories/{inventory.name}"
        try:
            nodes = plays_of_hosts(plays, manager(inventory))
        except BrokenFileError:
            raise
        except StrataError as error:
            yield repository.source(name).violation(1, str(error))
            continue
        for host, found in nodes.items():
            used.update(play.line for play in found)
            if not found:
                yield repository.site.violation(1, f"no play is for {host} of {name}")
            elif len(found) > 1:
                names = " and ".join(repr(play.name) for play in found)
                message = f"{host} of {name} is in {len(found)} plays: {names}"
                yield repository.site.violation(found[1].line, message)
    for play in plays:
        if play.line not in used:
            message = f"the play {play.name!r} is for no host of any inventory: nothing matches {','.join(play.hosts)}"
            yield repository.site.violation(play.line, message)
