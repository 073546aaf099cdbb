"""How Ansible reaches a host by SSH."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.variables.values import Values

if TYPE_CHECKING:
    from strata.variables.site import Node

#: Options of ssh by the variables that Ansible takes them from, the first one that is set.
OPTIONS = {
    "-p": ("ansible_port", "ansible_ssh_port"),
    "-l": ("ansible_user", "ansible_ssh_user"),
    "-i": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
}
ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")


def ssh_command(node: Node) -> list[str]:
    """Return the command line that logs in to a host of an inventory, as its variables say.

    Raises:
        StrataError: a file cannot be read, or a variable cannot be evaluated.

    """
    values = Values(node)

    def first(*names: str) -> Any:
        for name in names:
            if name in values:
                found = values.value(name)
                if found.error:
                    raise StrataError(f"{node.name}: {name} cannot be evaluated: {found.error}")
                return found.value
        return None

    options = [word for option, names in OPTIONS.items() if (value := first(*names)) for word in (option, str(value))]
    arguments = [word for name in ARGUMENTS for word in shlex.split(first(name) or "")]
    return ["ssh", *options, *arguments, str(first("ansible_host", "ansible_ssh_host") or node.name)]
