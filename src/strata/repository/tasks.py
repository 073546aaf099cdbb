"""The tasks of a role as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.repository.source import Source, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.repository.roles import Role

BLOCKS = ("block", "rescue", "always")


def role_tasks(role: Role) -> Iterator[tuple[Source, Mapping[str, Any]]]:
    """Yield the tasks, handlers and blocks of a role, each with its file. Raises BrokenFileError."""
    for folder in ("tasks", "handlers"):
        for source in role.sources(folder, "*.yml"):
            for task in _walk(source, source.sequence()):
                yield source, task


def _walk(source: Source, tasks: list[Any]) -> Iterator[Mapping[str, Any]]:
    for at, entry in enumerate(tasks):
        task = source.section(entry, "a task", line(tasks, at))
        yield task
        for key in BLOCKS:
            yield from _walk(source, source.items(task.get(key), key, line(task, key)))
