"""Filter plugin: compare two versions as Puppet does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = """
name: versioncmp
author: Strata contributors
short_description: Compare two versions as Puppet does
description:
  - Compares any two texts part by part. Parts are runs of digits, hyphens, dots, and runs of other characters. A hyphen
    comes before a dot, and a dot before all else. Digits are compared as numbers, or as text if one begins with 0; text
    is compared without regard to case. What goes on longer is greater.
  - So C(1.0) is less than C(1.0.0) and than C(1.0rc1), other than in Python's versions, for which there is the test
    C(version_satisfies).
  - Puppet stops at parts that differ in case only, and calls all that follows equal. Here the rest is compared as well,
    as versions could not be sorted otherwise.
positional: _input, other
options:
  _input:
    description: A version.
    type: str
    required: true
  other:
    description: The version that it is compared with.
    type: str
    required: true
"""

EXAMPLES = """
- name: Tell the greater one
  ansible.builtin.debug:
    msg: "{{ '1.10' | versioncmp('1.9') == 1 }}"
"""

RETURN = """
_value:
  description: C(-1), C(0) or C(1), if the version is less than the other one, equal to it, or greater.
  type: int
"""

# As in Puppet's lib/puppet/util/package.rb.
PARTS = re.compile(r"[-.]|\d+|[^-.\d]+", re.ASCII)
SEPARATORS = "-."
DIGITS = "0123456789"


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"versioncmp": versioncmp}


def versioncmp(version: str, other: str) -> int:
    """Return -1, 0 or 1: how `version` compares with `other`.

    Raises:
        AnsibleFilterError: one of them is not a text; 1.10 without quotes is a number, and the same as 1.1.

    """
    for value in (version, other):
        if not isinstance(value, str):
            raise AnsibleFilterError(f"versioncmp compares text, not {value!r}: put the version in quotes")
    ours, others = key(version), key(other)
    return (ours > others) - (ours < others)


def key(version: str) -> list[tuple[Any, ...]]:
    """Return what versions are sorted by."""
    return [_part(part) for part in PARTS.findall(version)]


def _part(part: str) -> tuple[Any, ...]:
    if part in SEPARATORS:
        return (SEPARATORS.index(part),)
    if part[0] in DIGITS:
        # By length and digits, as Python refuses to convert very long numbers.
        return (3, 0 if part[0] == "0" else len(part), part)
    return (2 if part < DIGITS else 4, part.upper())
