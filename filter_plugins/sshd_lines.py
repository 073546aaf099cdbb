"""Filter plugin: lines of sshd_config."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DOCUMENTATION = r"""
name: sshd_lines
author: Strata contributors
short_description: Lines of sshd_config for settings
description:
  - Returns a line for each setting, and one for each item of a list. A boolean is C(yes) or C(no).
  - Items of lists of users and groups, such as those of C(DenyGroups), are names, which are quoted where they have
    blanks. All other values are in sshd's own syntax.
positional: _input, origin, parameters
options:
  _input:
    description: Settings by their names.
    type: dict
    required: true
  origin:
    description: The variable that they come from, for messages.
    type: str
    required: true
  parameters:
    description: Names of settings that are refused, with what sets them instead.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the lines
  ansible.builtin.debug:
    msg: "{{ {'UseDNS': true, 'AcceptEnv': ['LANG', 'LC_*']} | sshd_lines('sshd_settings') }}"
"""

RETURN = r"""
_value:
  description: The lines, in the order of the settings.
  type: list
  elements: str
"""

#: Settings whose values are names of users and groups, one or more in a line.
NAMES = {"allowusers", "denyusers", "allowgroups", "denygroups"}


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"sshd_lines": sshd_lines}


def sshd_lines(settings: Mapping[str, Any], origin: str, parameters: Mapping[str, str] | None = None) -> list[str]:
    """Return the lines of settings.

    Raises:
        AnsibleFilterError: sshd would not see a setting as it is declared, or a parameter sets it.

    """
    owners = {name.lower(): parameter for name, parameter in (parameters or {}).items()}
    known: dict[str, str] = {}
    lines: list[str] = []
    for name, value in settings.items():
        keyword = name.lower()
        if not re.fullmatch("[A-Za-z0-9]+", name):
            raise AnsibleFilterError(f"{origin}: {json.dumps(name, ensure_ascii=False)} is not the name of a setting")
        if keyword in owners:
            raise AnsibleFilterError(f"{origin}: {name} would not be in force: set {owners[keyword]} instead")
        if keyword in known:
            raise AnsibleFilterError(f"{origin}: {name} and {known[keyword]} are one setting: give one of them")
        known[keyword] = name
        lines += [f"{name} {each}" for each in _values(value, keyword, f"{origin}: {name}")]
    return lines


def _values(value: Any, keyword: str, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield _word(str(each), place) if keyword in NAMES else _text(each, place)
    else:
        yield _text(value, place)


def _text(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, (dict, list)):
        raise AnsibleFilterError(f"{place} needs a text, a number, yes or no, or a list of them")
    return _line(str(value), place)


def _line(text: str, place: str) -> str:
    if not text or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise AnsibleFilterError(f"{place}: {json.dumps(text, ensure_ascii=False)} must be one line, and not empty")
    return text


def _word(text: str, place: str) -> str:
    quoted = _line(text, place).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if re.search(r"""[\s#'"\\]""", text) else text
