"""Lookup plugin: what hosts of the inventory declare, or said of themselves when they were seen last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import filter_loader
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOCUMENTATION = """
name: exported
author: Strata contributors
short_description: What hosts of the inventory declare, or said of themselves when they were seen last
description:
  - Returns for each host of the groups, in the order of their names, a dictionary with C(host) and C(value).
  - The value is the host's variable of that name, or else its fact of that name, from this run or from the cache of
    facts. No host is asked, and none needs to be in the run.
  - C(preflight) notes in the fact C(strata_seen) when it saw a host. A fact without it has no known age, nor has one
    of a host that says of itself what cannot be its time; the host is named in a warning.
options:
  _terms:
    description: The names of variables or facts; C(ansible_local.strata.last_converge) is a fact within others.
    type: list
    elements: str
    required: true
  groups:
    description: Names of groups of the inventory.
    type: list
    elements: str
    default: [all]
  max_age:
    description: Seconds after which a fact counts no more. What is declared has no age.
    type: int
  default:
    description: The value for a host that was never seen, or too long ago. Without it that is an error.
    type: raw
"""

EXAMPLES = """
- name: Configure the targets
  ansible.builtin.copy:
    content: "{{ query('exported', 'targets', groups=['web'], max_age=604800) | map(attribute='value') | join(' ') }}"
    dest: /etc/monitor/targets
    mode: "0644"
"""

RETURN = """
_list:
  description: The values, of all hosts for the first name, then for the next one.
  type: list
  elements: dict
"""

#: Seconds that the clocks of machines which share a cache of facts may differ.
CLOCKS_DIFFER = 300

display = Display()


def members(names: Iterable[str], groups: Mapping[str, list[str]], origin: str) -> list[str]:
    """Return the hosts of groups, sorted; `origin` is what names the groups, for the message.

    Raises:
        AnsibleLookupError: there is no such group.

    """
    found: set[str] = set()
    for name in names:
        if name not in groups:
            hint = filter_loader.get("did_you_mean").j2_function(name, groups)
            hint = hint or f" (it has {', '.join(sorted(groups))})"
            raise AnsibleLookupError(f"{origin}: the inventory has no group {name!r}{hint}")
        found |= set(groups[name])
    return sorted(found)


def facts_of(host: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a host said of itself. It may say anything: what is wrong with it must not end the runs of others."""
    facts = variables.get("ansible_facts") or {}
    if isinstance(facts, dict):
        return facts
    display.warning(f"{host}: its facts are no mapping, and left out")
    return {}


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    members = staticmethod(members)
    facts_of = staticmethod(facts_of)

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the value of each host."""
        self.set_options(var_options=variables, direct=kwargs)
        given = variables or {}
        hosts = members(self.get_option("groups"), given["groups"], "groups")
        return [
            entry for term in terms for entry in self._values(term, {host: given["hostvars"][host] for host in hosts})
        ]

    def _values(self, name: str, hosts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        found, problems = [], []
        for host, variables in hosts.items():
            value, problem = exported(name, host, variables, self.get_option("max_age"), time.time())
            if problem:
                value = self.get_option("default")
                problems.append(f"{host} ({problem})")
            found.append({"host": host, "value": value})
        if problems and self.get_option("default") is None:
            raise AnsibleLookupError(
                f"{name} is not known of {', '.join(problems)}: let a run see them, declare {name} in the inventory, "
                "or give a default"
            )
        return found


def exported(name: str, host: str, variables: Mapping[str, Any], max_age: int | None, now: float) -> tuple[Any, str]:
    """Return what a host exports, or None and why there is nothing.

    Args:
        name: the variable, or the fact, with dots between the names of facts within others.
        host: the host's name.
        variables: those of the host.
        max_age: seconds after which a fact counts no more.
        now: seconds since the epoch.

    """
    if variables.get(name) is not None:
        return variables[name], ""
    facts = facts_of(host, variables)
    value: Any = facts
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return None, "it has no such fact" if facts else "never seen"
    if max_age is None:
        return value, ""
    seen = facts.get("strata_seen")
    if seen is not None and not (type(seen) is int and 0 <= seen <= now + CLOCKS_DIFFER):
        display.warning(f"{host}: its fact strata_seen is no time at which it was seen, and left out")
        seen = None
    if seen is None:
        return None, "when it was seen is not known"
    return (None, f"seen {int(now - seen)} s ago") if now - seen > max_age else (value, "")
