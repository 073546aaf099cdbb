"""Rules for contributions: what roles add to the parameters of collecting roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.repository.source import Source, Violation, line
from strata.repository.tasks import role_tasks
from strata.rules.parameters import DEFAULTS, VARS
from strata.rules.tasks import expressions, jinja

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.checkout import Repository
    from strata.repository.roles import Role

STRING = re.compile(r"'[^']*'|\"[^\"]*\"")


def contributions_have_a_collector(repository: Repository) -> Iterator[Violation]:
    """Contributions R__P stand in the defaults of R, and P is a list that its role reads by the lookup."""
    for role in repository.roles.values():
        for variable, parameter in role.contributions.items():
            message = _collector_problem(repository, parameter)
            if message:
                yield role.source(DEFAULTS).violation(line(role.defaults, variable), f"{variable}: {message}")
        for variable in role.vars:
            if variable.startswith(f"{role.name}__"):
                message = f"{variable} is a contribution, which stands in {DEFAULTS}"
                yield role.source(VARS).violation(line(role.vars, variable), message)


def collectors_read_by_the_lookup(repository: Repository) -> Iterator[Violation]:
    """Nothing but the lookup reads a collected parameter in the tasks, templates and vars of its role."""
    contributed = {name for role in repository.roles.values() for name in role.contributions.values()}
    for role in repository.roles.values():
        collected = (role.collects | contributed) & set(role.options)
        for source, at, expression in _expressions(role) if collected else ():
            code = STRING.sub("''", expression)
            for name in sorted(collected):
                if re.search(rf"(?<![\w.]){name}\b(?!\s*=[^=])", code):
                    message = f"{name} is collected: read it by lookup('contributions', '{name}')"
                    yield source.violation(at, message)


def _collector_problem(repository: Repository, parameter: str) -> str | None:
    owner = next((role for role in repository.known_roles.values() if parameter in role.options), None)
    if owner is None:
        return f"no role has a parameter {parameter}"
    if owner.options[parameter].spec.get("type") != "list":
        return f"{parameter} of {owner.name} is not a list"
    if parameter not in owner.collects:
        return f"{owner.name} does not collect {parameter}: it never reads lookup('contributions', '{parameter}')"
    return None


def _expressions(role: Role) -> Iterator[tuple[Source, int, str]]:
    for source, task in role_tasks(role):
        for key, expression in expressions(task):
            yield source, line(task, key), expression
    for name, expression in expressions(role.vars):
        yield role.source(VARS), line(role.vars, name), expression
    for source in role.sources("templates"):
        text = source.text()
        start = 0
        for expression in jinja(text):
            start = text.index(expression, start)
            yield source, text.count("\n", 0, start) + 1, expression
