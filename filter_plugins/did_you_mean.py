"""Filter plugin: a hint at the nearest of the known names, for the end of a sentence about an unknown one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCUMENTATION = """
name: did_you_mean
author: Strata contributors
short_description: A hint at the nearest of the known names, for the end of a sentence about an unknown one
description:
  - All plugins of the control side give their hints by this filter, so that they read alike.
positional: _input, known
options:
  _input:
    description: The unknown name.
    type: str
    required: true
  known:
    description: The names that there are.
    type: list
    elements: str
    required: true
  cutoff:
    description: How much of both must be alike, from 0 to 1, for a hint.
    type: float
    default: 0.6
"""

EXAMPLES = """
- name: Refuse a group that the inventory does not have
  ansible.builtin.assert:
    that: wanted in groups
    fail_msg: "there is no group {{ wanted }}{{ wanted | did_you_mean(groups) }}"
"""

RETURN = """
_value:
  description: The hint, which begins with a colon; an empty text if no name is near.
  type: str
  sample: ": did you mean 'web'?"
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"did_you_mean": did_you_mean}


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the hint; see DOCUMENTATION."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f": did you mean {near[0]!r}?" if near else ""
