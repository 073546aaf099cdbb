"""Filter plugin: names that must be those of hosts of the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCUMENTATION = """
name: of_inventory
author: Strata contributors
short_description: Names that must be those of hosts of the inventory
description:
  - Returns the names as they are. One that is no host of the inventory is an error, which names the parameter and the
    nearest host. An empty name is left alone.
positional: _input, hosts, parameter
options:
  _input:
    description: The names.
    type: list
    elements: str
    required: true
  hosts:
    description: The hosts of the inventory, C(groups.all).
    type: list
    elements: str
    required: true
  parameter:
    description: The parameter that has the names, for messages.
    type: str
    required: true
"""

EXAMPLES = """
- name: Name the hosts that get the logs
  ansible.builtin.debug:
    msg: "{{ project_server_log_hosts | of_inventory(groups.all, 'project_server_log_hosts') }}"
"""

RETURN = """
_value:
  description: The names.
  type: list
  elements: str
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"of_inventory": of_inventory}


def of_inventory(names: Iterable[str], hosts: Iterable[str], parameter: str) -> list[str]:
    """Return the names.

    Raises:
        AnsibleFilterError: one is no host of the inventory.

    """
    found, known = list(names), sorted(hosts)
    for name in found:
        if name and name not in known:
            hint = filter_loader.get("did_you_mean").j2_function(name, known)
            raise AnsibleFilterError(f"{parameter}: the inventory has no host {name!r}{hint}")
    return found
