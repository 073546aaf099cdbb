"""Which names new roles and modules may have."""

from __future__ import annotations

import keyword
import re
from importlib.util import find_spec

from strata.errors import UsageError
from strata.repository.roles import BARE_NAME
from strata.rules.files import builtin_names

#: A name also stands in lines of code, which have a width.
LONGEST = 40

#: What Ansible's tags, YAML, `strata test` or the scenarios take for something else.
TAKEN = frozenset(
    {"all", "always", "ansible", "lint", "never", "sandbox", "shared", "tagged", "unit", "untagged"}
    | {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
)


def check_role(name: str) -> None:
    """Check the name of a service role.

    Raises:
        UsageError: it cannot have that name; the message names the nearest that it can have.

    """
    _check_form(name)
    if name in TAKEN:
        raise UsageError(f"{name} means something else to Ansible or to the tests: choose another name")
    if name.startswith(("ci_", "project_")):
        layer, _, rest = name.partition("_")
        raise UsageError(f"{name} would be a {layer} role, and this makes service roles: choose a name such as {rest}")


def check_module(name: str, package: str) -> None:
    """Check the name of a module and that of its package.

    Raises:
        UsageError: one of them cannot be used; the message names the nearest that can.

    """
    for each in (name, package):
        _check_form(each)
        if keyword.iskeyword(each):
            raise UsageError(f"{each} is a word of Python: choose another name, such as {each}_settings")
    if name in builtin_names():
        raise UsageError(
            f"{name} is the name of one of ansible-core's modules or plugins: choose another, such as {name}_settings"
        )
    if find_spec(name):
        raise UsageError(f"{name} is the name of a module of Python: choose another, such as {name}_settings")


def _check_form(name: str) -> None:
    """Two underscores would make a contribution of what begins with the name."""
    if BARE_NAME.fullmatch(name) and "__" not in f"{name}_" and len(name) <= LONGEST:
        return
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).lstrip("_0123456789")[:LONGEST].rstrip("_")
    hint = f": did you mean {near!r}?" if near else ""
    raise UsageError(
        f"{name!r} is not a name of small letters, digits and single underscores that begins with a letter and has at "
        f"most {LONGEST} characters{hint}"
    )
