"""Rules for the tasks of roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strata.errors import nearest
from strata.repository.source import Violation, line
from strata.repository.tasks import BLOCKS, role_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.repository.checkout import Repository
    from strata.repository.source import Source

MAX_LINES = 100
BANNED = {
    "include_role": "roles are composed by the dependencies of meta/main.yml only",
    "import_role": "roles are composed by the dependencies of meta/main.yml only",
    "group_by": "a host's groups are what the inventory says",
    "add_host": "hosts are what the inventory says",
}
FALSE, TRUE = {"false", "no"}, {"true", "yes"}
HIDING = {
    "changed_when": (FALSE, "would hide that the task changes the host: take a module that tells it"),
    "failed_when": (FALSE, "would hide that the task failed"),
    "ignore_errors": (TRUE, "would hide that the task failed"),
    "ignore_unreachable": (TRUE, "would hide that the task failed"),
    "check_mode": (FALSE, "would change the host in check mode"),
}
INCLUDES = {"include_tasks", "import_tasks", "include_vars"}
ELSEWHERE = re.compile(r"\.\./|\broles/|role_path")
CONDITIONS = {"when", "until", "that", "changed_when", "failed_when"}
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
CHANGED = re.compile(r"""\bis\s+(not\s+)?(ansible\.builtin\.)?changed?\b|\.changed\b|\[\s*['"]changed['"]\s*\]""")


def tasks_are_one_block(repository: Repository) -> Iterator[Violation]:
    """tasks/main.yml of a role is one block, tagged with the role's name."""
    for role in repository.roles.values():
        source = role.source("tasks/main.yml")
        tasks = source.sequence()
        if not tasks:
            continue
        if len(tasks) > 1 or not isinstance(tasks[0], dict) or "block" not in tasks[0]:
            yield source.violation(line(tasks, min(1, len(tasks) - 1)), f"all tasks of {role.name} stand in one block")
        elif role.name not in tags(tasks[0]):
            yield source.violation(line(tasks, 0), f"the block is not tagged {role.name}")


def tasks_compose_no_roles(repository: Repository) -> Iterator[Violation]:
    """No task brings in a role, makes hosts or groups, sets another host's facts, or asks whether another changed."""
    for role in repository.roles.values():
        for source, task in role_tasks(role):
            for key, name in _actions(task):
                if name in BANNED:
                    yield source.violation(line(task, key), f"{name}: {BANNED[name]}")
                elif name in INCLUDES and ELSEWHERE.search(str(task[key])):
                    yield source.violation(line(task, key), f"{name}: a role's tasks and variables are its own")
            if "delegate_facts" in task:
                message = "delegate_facts: what hosts tell each other comes from declared data or from the fact cache"
                yield source.violation(line(task, "delegate_facts"), message)
            for key, expression in expressions(task):
                if key not in {"changed_when", "failed_when"} and CHANGED.search(expression):
                    message = f"{key}: asks whether a task changed: use a handler, or do it inside the module"
                    yield source.violation(line(task, key), message)


def tasks_are_few(repository: Repository) -> Iterator[Violation]:
    """Task files of a role have at most 100 lines together: what is more is the work of a module."""
    for role in repository.roles.values():
        total = sum(len(source.text().splitlines()) for source in role.sources("tasks"))
        if total > MAX_LINES:
            message = f"the tasks of {role.name} have {total} lines, more than {MAX_LINES}: let a module do the work"
            yield role.source("tasks/main.yml").violation(1, message)


def tasks_hide_nothing(repository: Repository) -> Iterator[Violation]:
    """No task hides what it did or that it failed, and none runs for real in check mode."""
    for role in repository.roles.values():
        for source, task in role_tasks(role):
            for key, (values, message) in HIDING.items():
                if str(task.get(key)).lower() in values:
                    yield source.violation(line(task, key), f"{key}: {message}")


def handlers_are_notified(repository: Repository) -> Iterator[Violation]:
    """A task notifies handlers that its role has, and each handler is notified by a task."""
    for role in repository.roles.values():
        handlers: dict[str, tuple[Source, int]] = {}
        notified: dict[str, tuple[Source, int]] = {}
        for source, task in role_tasks(role):
            if source.path.parent.name == "handlers":
                heard = as_list(task.get("listen")) or as_list(task.get("name"))
                handlers |= {name: (source, line(task)) for name in heard}
            notified |= {name: (source, line(task, "notify")) for name in as_list(task.get("notify"))}
        for name, (source, at) in notified.items():
            if name not in handlers:
                yield source.violation(at, f"notify: {role.name} has no handler {name!r}{nearest(name, handlers)}")
        for name, (source, at) in handlers.items():
            if name not in notified:
                yield source.violation(at, f"no task notifies the handler {name!r}")


def as_list(value: Any) -> list[str]:
    """Return names that a task gives as a list, or as one."""
    return [str(each) for each in (value if isinstance(value, list) else [value] if value else [])]


def tags(task: Mapping[str, Any]) -> list[str]:
    """Return the tags of a play, block or task."""
    given = task.get("tags") or []
    return [tag.strip() for tag in given.split(",")] if isinstance(given, str) else [str(tag) for tag in given]


def expressions(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the Jinja expressions in a task or in variables, each with its key; of a block without its tasks."""
    for key, value in task.items():
        if key not in BLOCKS:
            for expression in _expressions(key, value):
                yield key, expression


def jinja(text: str) -> Iterator[str]:
    """Yield the Jinja expressions and statements of a text."""
    return (match.group() for match in JINJA.finditer(text))


def _actions(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what can be the name of a task's action, without its collection, each with its key."""
    for key, value in task.items():
        name = str(key)
        if key in {"action", "local_action"}:
            name = str(value.get("module", "") if isinstance(value, dict) else value).partition(" ")[0]
        yield key, name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def _expressions(key: Any, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner, entry in value.items():
            yield from _expressions(inner, entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _expressions(key, entry)
    elif isinstance(value, str):
        yield from [value] if key in CONDITIONS else jinja(value)
