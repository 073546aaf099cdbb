"""Rules for the parameters of roles: defaults, argument_specs and vars."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strata.repository.roles import TAKEN_AWAY, Option, Role
from strata.repository.source import Violation, line, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.repository.checkout import Repository

SPECS = "meta/argument_specs.yml"
DEFAULTS = "defaults/main.yml"
VARS = "vars/main.yml"
TYPES = {"bits", "bool", "bytes", "dict", "float", "int", "json", "jsonarg", "list", "path", "raw", "str"}


def specs_describe_the_role(repository: Repository) -> Iterator[Violation]:
    """meta/argument_specs.yml describes the role, and its last paragraph says what stays when it is taken away."""
    for role in repository.roles.values():
        source = role.source(SPECS)
        if not role.spec:
            yield source.violation(1, f"{role.name} has no argument_specs.main")
            continue
        if not role.spec.get("short_description"):
            yield source.violation(line(role.spec), "argument_specs.main has no short_description")
        if not role.description or not role.description[-1].startswith(TAKEN_AWAY):
            message = f"the last paragraph of the description must begin with {TAKEN_AWAY!r}"
            yield source.violation(line(role.spec, "description"), message)


def options_are_the_defaults(repository: Repository) -> Iterator[Violation]:
    """Options are the variables of defaults/main.yml, and those without a default, which are required."""
    for role in repository.roles.values():
        for name in role.defaults:
            if name not in role.options:
                at = line(role.defaults, name)
                yield role.source(DEFAULTS).violation(at, f"{name} is not an option of {SPECS}")
        for option in role.options.values():
            message = _default_problem(role, option)
            if message:
                yield role.source(SPECS).violation(option.line, message)


def options_are_typed(repository: Repository) -> Iterator[Violation]:
    """Every option, and every key of one, has a description and a type, a list the type of its elements."""
    for role in repository.roles.values():
        for option in _every_option(role.options):
            for message in _type_problems(option):
                yield role.source(SPECS).violation(option.line, message)


def defaults_carry_the_role_name(repository: Repository) -> Iterator[Violation]:
    """Variables of defaults/main.yml begin with the role's name."""
    for role in repository.roles.values():
        for name in role.defaults:
            if not name.startswith(f"{role.name}_"):
                message = f"{name} must begin with {role.name}_"
                yield role.source(DEFAULTS).violation(line(role.defaults, name), message)


def vars_flow_down(repository: Repository) -> Iterator[Violation]:
    """vars/main.yml sets the role's own variables; of a project or ci role also parameters of the roles below it."""
    for role in repository.roles.values():
        below = repository.below(role) if role.layer != "service" else []
        parameters = {name for other in below for name in repository.known_roles[other].options}
        for name in role.vars:
            if name not in parameters and not _own(role, name):
                what = "nor a parameter of a role below it" if role.layer != "service" else "and this a service role"
                message = f"{name} is not a variable of {role.name} (it does not begin with {role.name}_), {what}"
                yield role.source(VARS).violation(line(role.vars, name), message)


def vars_are_set_once(repository: Repository) -> Iterator[Violation]:
    """No two roles of one play set the same variable in vars/main.yml: that would be a contribution."""
    for play in repository.plays:
        setters: dict[str, Role] = {}
        for role in (repository.known_roles[name] for name in repository.run_order(play)):
            for name in role.vars:
                first = setters.setdefault(name, role)
                if first is not role:
                    at = first.source(VARS).violation(line(first.vars, name), "").path
                    message = f"{name} is also set in {at}:{line(first.vars, name)}, and a play runs both roles"
                    yield role.source(VARS).violation(line(role.vars, name), message)


def _own(role: Role, name: str) -> bool:
    return name.lstrip("_").startswith(f"{role.name}_")


def _default_problem(role: Role, option: Option) -> str | None:
    given, required = option.name in role.defaults, option.spec.get("required") is True
    if given and required:
        return f"{option.name} is required, and so can't have a default in {DEFAULTS}"
    if not given and not required:
        return f"{option.name} has no default in {DEFAULTS}, and is not required"
    if "default" in option.spec and _canonical(option.spec["default"]) != _canonical(role.defaults.get(option.name)):
        return f"the default of {option.name} is not the one in {DEFAULTS}"
    return None


def _canonical(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)


def _every_option(options: Mapping[str, Option]) -> Iterator[Option]:
    for option in options.values():
        yield option
        yield from _every_option(option.suboptions)


def _type_problems(option: Option) -> Iterator[str]:
    for key in ("type", "elements"):
        if key in option.spec and option.spec[key] not in TYPES:
            yield f"{option.name} has the {key} {option.spec[key]}, which Ansible does not know"
    if "type" not in option.spec:
        yield f"{option.name} has no type"
    if option.spec.get("type") == "list" and "elements" not in option.spec:
        yield f"{option.name} is a list without elements"
    if not option.description:
        yield f"{option.name} has no description"
