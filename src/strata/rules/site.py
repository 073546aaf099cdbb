"""Rules for site.yml, the node definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.rules.repository import Play, Repository, bare_names
from strata.rules.tasks import tags
from strata.source import Violation, line

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
