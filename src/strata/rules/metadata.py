"""Rules for meta/strata.yml: the version of a role, which versions of other roles it requires, and its example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from strata.errors import nearest
from strata.repository.source import Violation, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strata.repository.checkout import Repository
    from strata.repository.roles import Option, Role

METADATA = "meta/strata.yml"
KEYS = {"version", "requires", "example", "left_behind", "ranges"}

#: Where the flat files are, which site.yml's inventories set.
CHECKOUT = "strata_project_config"
#: Parameters and keys that are called so are ports, as preflight reads them.
PORTS = re.compile(r"(?:^|[_.])ports?$")
VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)


def roles_have_a_version(repository: Repository) -> Iterator[Violation]:
    """meta/strata.yml of every role has its version, three numbers, and else what it requires and an example."""
    for role in repository.roles.values():
        source = role.source(METADATA)
        if not VERSION.fullmatch(str(role.metadata.get("version"))):
            message = f"{role.name} needs a version here, such as `version: 1.2.0`"
            yield source.violation(line(role.metadata, "version"), message)
        for key in role.metadata:
            if key not in KEYS:
                message = f"{key} is not known here: choose from {', '.join(sorted(KEYS))}"
                yield source.violation(line(role.metadata, key), message)


def requirements_are_met(repository: Repository) -> Iterator[Violation]:
    """What a role requires it depends on, directly or not, and in a version that fits."""
    for role in repository.known_roles.values():
        below = [repository.known_roles[name] for name in repository.below(role)]
        for name, wanted in role.requires.items():
            problem = _problem(str(name), wanted, below)
            if problem:
                message = f"{role.name} requires {f'{name} {wanted or str()}'.strip()}, but {problem}"
                yield role.source(METADATA).violation(line(role.requires, name), message)


def roles_have_an_example(repository: Repository) -> Iterator[Violation]:
    """meta/strata.yml of every role has an example, which sets parameters of the role and of those below it."""
    for role in repository.roles.values():
        source = role.source(METADATA)
        known = [name for each in (*repository.below(role), role.name) for name in repository.known_roles[each].options]
        if not any(name in role.options for name in role.example):
            message = f"{role.name} needs an example here, which sets the parameters that are used most"
            yield source.violation(line(role.metadata, "example"), message)
        for name in role.example:
            if name not in {*known, CHECKOUT}:
                message = f"the example sets {name}, which is not a parameter of {role.name} or of a role below it"
                yield source.violation(line(role.example, name), f"{message}{nearest(name, known)}")


def ranges_are_of_numbers(repository: Repository) -> Iterator[Violation]:
    """`ranges` gives the lowest and the highest value of whole numbers of the role, and their defaults are in it."""
    for role in repository.roles.values():
        ranges = role.metadata.get("ranges", {})
        for name, given in ranges.items():
            if problem := _range_problem(_option(role, str(name)), given):
                yield role.source(METADATA).violation(line(ranges, name), f"{name} {problem}")


def numbers_have_a_range(repository: Repository) -> Iterator[Violation]:
    """Whole numbers among the parameters of a role and their keys have a range, but for ports, which share one."""
    for role in repository.roles.values():
        ranges = role.metadata.get("ranges", {})
        for name in _numbers("", role.options):
            if name not in ranges and not PORTS.search(name):
                message = f"{name} is a whole number: give its lowest and highest value here, such as {name}: [0, 100]"
                yield role.source(METADATA).violation(line(role.metadata, "ranges"), message)


def _numbers(prefix: str, options: Mapping[str, Option]) -> Iterator[str]:
    """Give the names of options that are whole numbers or lists of them, with those of their parents (`name.key`)."""
    for key, option in options.items():
        if "int" in {option.spec.get("type"), option.spec.get("elements")}:
            yield f"{prefix}{key}"
        yield from _numbers(f"{prefix}{key}.", option.suboptions)


def _range_problem(option: Option | None, given: Any) -> str:
    """Return what is wrong with the range of an option, nothing if it is right."""
    if option is None or "int" not in {option.spec.get("type"), option.spec.get("elements")}:
        return "is not a parameter, or a key of one, of the type int"
    try:
        low, high = (int(number) for number in given)
    except (TypeError, ValueError):
        return "needs a lowest and a highest number, such as [0, 100]"
    default = option.spec.get("default")
    if low > high or (isinstance(default, int) and not low <= default <= high):
        return f"goes from {low} to {high}, which leaves out its default {default}"
    return ""


def _option(role: Role, name: str) -> Option | None:
    """Return a parameter of a role, or a key of one (`name.key`); None if there is no such one."""
    options, option = role.options, None
    for key in name.split("."):
        option = options.get(key)
        options = option.suboptions if option else {}
    return option


def left_behind_is_a_list(repository: Repository) -> Iterator[Violation]:
    """What a role leaves behind is a list of patterns."""
    for role in repository.roles.values():
        given = role.metadata.get("left_behind", [])
        if not (isinstance(given, list) and all(isinstance(pattern, str) for pattern in given)):
            message = "left_behind is a list of patterns of paths, units and packages, such as [/var/lib/thing/*]"
            yield role.source(METADATA).violation(line(role.metadata, "left_behind"), message)


def _problem(required: str, wanted: Any, below: list[Role]) -> str | None:
    """Return what is wrong with a requirement, nothing if it is met."""
    found = next((role for role in below if required in {role.name, role.full_name}), None)
    if found is None:
        called = next((role for role in below if role.name == required.rpartition(".")[2]), None)
        return "it depends on no such role" + (f": its {called.name} is {called.full_name}" if called else "")
    try:
        if not wanted or SpecifierSet(str(wanted)).contains(Version(found.version), prereleases=True):
            return None
    except InvalidSpecifier:
        return "that is not a set of versions, such as '>=1.2,<2'"
    except InvalidVersion:
        pass
    return f"the version of {found.name} is {found.version}"
