"""Filter plugin: the sections of gerrit.config by settings that may have no value, and by lists of subsections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = r"""
name: gerrit_sections
author: Strata contributors
short_description: The sections of gerrit.config
description:
  - Gives dictionaries of sections, as the module C(gerrit_site) takes them in O(gerrit_site#module:config).
  - A key that has no value (null, an empty text or an empty list) is left out, and so is a section without keys.
options:
  _input:
    description: Sections with their keys.
    type: dict
    required: true
  subsections:
    description: >-
      For each section, its subsections, each with its C(name). All their other keys are taken over, C(max_age) as
      C(maxAge).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what gerrit.config has of caches
  ansible.builtin.debug:
    msg: "{{ {'index': {'threads': ''}} | gerrit_sections({'cache': [{'name': 'web_sessions', 'max_age': '1 d'}]}) }}"
    # {cache: {web_sessions: {maxAge: 1 d}}}
"""

RETURN = r"""
_value:
  description: The sections.
  type: dict
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"gerrit_sections": gerrit_sections}


def gerrit_sections(
    settings: Mapping[str, Mapping[str, Any]], subsections: Mapping[str, Iterable[Mapping[str, Any]]] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the sections that settings with a value, and subsections, make."""
    found: dict[str, dict[str, Any]] = {}
    for section, keys in settings.items():
        if kept := {key: value for key, value in keys.items() if value not in (None, "", [])}:
            found[section] = kept
    for section, items in (subsections or {}).items():
        for item in items:
            keys = {_camel_case(key): value for key, value in item.items() if key != "name"}
            found.setdefault(section, {})[item["name"]] = keys
    return found


def _camel_case(key: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), key)
