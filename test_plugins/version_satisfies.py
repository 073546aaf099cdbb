"""Test plugin: whether a version is one of a set of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = """
name: version_satisfies
author: Strata contributors
short_description: Whether a version is one of a set of versions
description:
  - Versions and sets of them are those of Python's packages. C(>=1.2,<2) has 1.2 and 1.10, but neither 2.0 nor 2.0rc1,
    which comes before it.
options:
  _input:
    description: A version.
    type: str
    required: true
  wanted:
    description: A set of versions, such as C(>=1.2,<2) or C(==1.*).
    type: str
    required: true
"""

EXAMPLES = """
- name: Tell whether the role apt is new enough
  ansible.builtin.debug:
    msg: "{{ lookup('role_metadata', 'apt').version is version_satisfies('>=1.2,<2') }}"
"""

RETURN = """
_value:
  description: Whether the version is one of the set.
  type: bool
"""


class TestModule:
    """See DOCUMENTATION."""

    def tests(self) -> dict[str, Callable[..., Any]]:
        """Return the test."""
        return {"version_satisfies": version_satisfies}


def version_satisfies(version: str, wanted: str) -> bool:
    """Return whether `version` is one of the versions `wanted`.

    Raises:
        AnsibleFilterError: one of them is not what it should be.

    """
    try:
        return SpecifierSet(wanted).contains(Version(version), prereleases=True)
    except InvalidSpecifier:
        message = f"version_satisfies: {wanted!r} is not a set of versions, such as '>=1.2,<2'"
    except (InvalidVersion, TypeError):
        message = f"version_satisfies: {version!r} is not a version, such as '1.2.0'"
    raise AnsibleFilterError(message)
