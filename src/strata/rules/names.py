"""Rules for what expressions of roles name: variables that are there, and values that stay the same."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from strata.repository.source import Violation, line
from strata.repository.tasks import BLOCKS, role_tasks
from strata.rules.parameters import DEFAULTS, VARS
from strata.rules.tasks import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from strata.repository.checkout import Repository
    from strata.repository.roles import Option, Role
    from strata.repository.source import Source

#: What Ansible gives to all expressions.
ANSIBLE = {
    *("ansible_facts", "ansible_role_names", "groups", "hostvars", "inventory_hostname", "item", "playbook_dir"),
    *("lookup", "query", "role_path", "undef"),
}


class _AnyFilter(dict[str, Any]):
    """Filters and tests of any name, as those of Ansible are known only where it runs."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, default or str)


JINJA = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])  # noqa: S701 - nothing is rendered
JINJA.filters, JINJA.tests = _AnyFilter(JINJA.filters), _AnyFilter(JINJA.tests)
#: What values have that is no key: methods, and what loops, results, facts and contributions bring.
METHODS = {
    *("first", "index", "items", "join", "keys", "last", "lower", "rstrip", "split", "strip", "upper", "values"),
    *("changed", "failed", "rc", "stderr", "stdout"),
    *("ansible_host", "distribution", "distribution_major_version", "distribution_release", "origin"),
    *("trees", "vhosts"),  # of the filter static_sites
    "all",  # of groups
}
VOLATILE = re.compile(r"\bnow\(|\bansible_date_time\b|\bdate_time\b|\|\s*(?:random|shuffle)\b|\|\s*strftime\s*(?!\()")


def expressions_name_known_variables(repository: Repository) -> Iterator[Violation]:
    """Expressions name variables of their role and of roles below it; others may be missing, so need a default."""
    for role in repository.roles.values():
        known = _known(repository, role)
        for source, at, text in _texts(role):
            for name in sorted(meta.find_undeclared_variables(_parsed(text)) - known):
                if not re.search(rf"\b{name}\s*(?:\|\s*default\b|is\s+(?:not\s+)?defined\b)", text):
                    found = re.search(rf"\b{name}\b", text)
                    row = at + text.count("\n", 0, found.start() if found else 0)
                    message = f"{name} is a variable of neither {role.name} nor a role that it depends on"
                    yield source.violation(row, message)


def expressions_name_known_keys(repository: Repository) -> Iterator[Violation]:
    """Expressions ask values for keys that some parameter or variable has: a default would hide a slip."""
    for role in repository.roles.values():
        known = METHODS | set(_keys(repository.known_roles.values()))
        for source, at, text in _texts(role):
            for node in _parsed(text).find_all(nodes.Getattr):
                if node.attr not in known:
                    message = f".{node.attr} is a key of no parameter or variable of any role"
                    yield source.violation(at + node.lineno - 1, message)


def expressions_stay_the_same(repository: Repository) -> Iterator[Violation]:
    """No value of a role is another one in each run: a second run would change what the first one made."""
    for role in repository.roles.values():
        for source, at, text in _texts(role):
            for found in VOLATILE.finditer(text):
                row = at + text.count("\n", 0, found.start())
                yield source.violation(row, f"{found.group().strip('| (')} is another value in each run")


def _below(repository: Repository, role: Role) -> list[Role]:
    return [repository.known_roles[name] for name in repository.below(role)]


def _known(repository: Repository, role: Role) -> set[str]:
    """Return the names of the variables that expressions of a role may name."""
    roles = [role, *_below(repository, role)]
    registered = {str(task["register"]) for _, task in role_tasks(role) if "register" in task}
    given = {str(key) for value in role.vars.values() if isinstance(value, dict) for key in value}
    return ANSIBLE | registered | given | {name for each in roles for name in (*each.options, *each.vars)}


def _keys(roles: Iterable[Role]) -> Iterator[str]:
    """Yield the keys of what roles have in their parameters, variables and examples."""
    for role in roles:
        yield from _suboptions(role.options.values())
        yield from _all_keys([role.defaults, role.vars])


def _suboptions(options: Iterable[Option]) -> Iterator[str]:
    for option in options:
        yield option.name.rpartition(".")[2]
        yield from _suboptions(option.suboptions.values())


def _all_keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _all_keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _all_keys(each)


def _parsed(text: str) -> nodes.Template:
    """Return an expression or template; one that is none is left to who renders it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of backslashes in regular expressions
            return JINJA.parse(text)
    except TemplateSyntaxError:
        return nodes.Template([])


def _texts(role: Role) -> Iterator[tuple[Source, int, str]]:
    """Yield the texts of a role that have expressions, each with its first line."""
    for source, task in role_tasks(role):
        yield from _strings(source, task)
    yield from _strings(role.source(DEFAULTS), role.defaults)
    yield from _strings(role.source(VARS), role.vars)
    for source in role.sources("templates"):
        yield source, 1, source.text()


def _strings(
    source: Source, values: Mapping[Any, Any] | list[Any], key: Any = None
) -> Iterator[tuple[Source, int, str]]:
    """Yield the texts in values, but not in the tasks of a block, each with its line; `key` is that of a list."""
    for at, value in values.items() if isinstance(values, dict) else enumerate(values):
        name = at if isinstance(values, dict) else key
        if isinstance(value, (dict, list)) and name not in BLOCKS:
            yield from _strings(source, value, name)
        elif isinstance(value, str):
            yield source, line(values, at), f"{{{{ {value} }}}}" if name in CONDITIONS and "{" not in value else value
