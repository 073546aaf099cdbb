"""Filter plugin: the files of sudo's rules."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = r"""
name: sudoers_files
author: Strata contributors
short_description: The files of sudo's rules
description:
  - Returns what the module M(service_files) takes as O(service_files#module:files), a file in C(/etc/sudoers.d) for
    each rule, which visudo accepts before it is in its place.
options:
  _input:
    description: The rules, dictionaries with C(name), C(content) and C(origin), the variable that asks for the rule.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Configure the rules
  service_files:
    name: sudo
    files: "{{ lookup('contributions', 'sudo_rules') | sudoers_files }}"
"""

RETURN = r"""
_value:
  description: The files, in the order of the rules.
  type: list
  elements: dict
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"sudoers_files": sudoers_files}


def sudoers_files(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the file of each rule.

    Raises:
        AnsibleFilterError: sudo would not read a file of that name, or a rule has no content.

    """
    return [_file(rule) for rule in rules]


def _file(rule: Mapping[str, Any]) -> dict[str, str]:
    origin, name = rule["origin"], str(rule["name"])
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise AnsibleFilterError(
            f"{origin}: {_shown(name)} is not a valid name of a rule: sudo reads only files with names of letters, "
            "digits, - and _"
        )
    if rule.get("content") is None:
        raise AnsibleFilterError(f"{origin}: the rule {name} needs content")
    return {
        "path": f"/etc/sudoers.d/strata-{name}",
        "mode": "0440",
        "origin": origin,
        "validate": "visudo --check --file=%s",
        "content": f"# Strata keeps this file, for {origin}.\n{str(rule['content']).strip()}\n",
    }


def _shown(text: str) -> str:
    """Return a text in quotes, with all that is no letter as an escape."""
    return json.dumps(text, ensure_ascii=False)
