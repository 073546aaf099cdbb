"""Filter plugin: the files of logrotate's rotations."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

DOCUMENTATION = r"""
name: rotation_files
author: Strata contributors
short_description: The files of logrotate's rotations
description:
  - Returns what the module M(service_files) takes as O(service_files#module:files), a file in C(/etc/logrotate.d) for
    each rotation.
positional: _input, options, check
options:
  _input:
    description:
      - The rotations, dictionaries with C(name), C(paths), C(origin), the variable that asks for it, and if need be
        C(options), C(firstaction), C(prerotate), C(postrotate), C(lastaction) and C(ensure).
    type: list
    elements: dict
    required: true
  options:
    description: Lines of logrotate's options, of rotations that have none of their own.
    type: list
    elements: str
    required: true
  check:
    description: A shell script that accepts a new file C($1) for its place C($2), with its scripts as C($3) and so on.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Configure the rotation of logs
  service_files:
    name: logrotate
    files: "{{ lookup('contributions', 'logrotate_files') | rotation_files(['daily'], 'logrotate --debug $1') }}"
"""

RETURN = r"""
_value:
  description: The files, in the order of the rotations.
  type: list
  elements: dict
"""

SCRIPTS = ("firstaction", "prerotate", "postrotate", "lastaction")


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rotation_files": rotation_files}


def rotation_files(rotations: Iterable[Mapping[str, Any]], options: Sequence[str], check: str) -> list[dict[str, str]]:
    """Return the file of each rotation.

    Raises:
        AnsibleFilterError: that is no name of a file, or no path that logrotate can read.

    """
    return [_file(rotation, options, check) for rotation in rotations]


def _file(rotation: Mapping[str, Any], options: Sequence[str], check: str) -> dict[str, str]:
    origin, name = rotation["origin"], str(rotation["name"])
    if name in {".", ".."} or not re.fullmatch(r"[^/%\\|&\x00-\x1f\x7f]+", name):
        raise AnsibleFilterError(
            f"{origin}: {_shown(name)} is not a valid name of a file: one without /, %, \\, |, & and line breaks"
        )
    path = f"/etc/logrotate.d/{name}"
    scripts = [rotation[script] for script in SCRIPTS if rotation.get(script)]
    return {
        "path": path,
        "origin": origin,
        "content": "".join(f"{line}\n" for line in _lines(rotation, options)),
        "ensure": rotation.get("ensure", "present"),
        "validate": shlex.join(["sh", "-c", check, "sh", "%s", path, *scripts]),
    }


def _quoted(path: str, rotation: Mapping[str, Any]) -> str:
    """Return a path in quotes, in which a backslash belongs to the pattern unless it is before a quote."""
    if not path or re.search(r"[\x00-\x1f\x7f{]|\\$|\\\"", path):
        shown = _shown(path)
        raise AnsibleFilterError(
            f"{rotation['origin']}: the rotation {rotation['name']} has the path {shown}: logrotate takes no path with "
            "line breaks, { or a backslash at its end or before a quote"
        )
    return '"{}"'.format(path.replace('"', '\\"'))


def _lines(rotation: Mapping[str, Any], options: Sequence[str]) -> Iterator[str]:
    yield f"# Managed by Strata, for {rotation['origin']}: changes made here are overwritten."
    yield f"{' '.join(_quoted(path, rotation) for path in rotation['paths'])} {{"
    for option in rotation.get("options", options):
        yield f"    {option}"
    for script in SCRIPTS:
        if rotation.get(script):
            yield f"    {script}"
            yield rotation[script].rstrip()
            yield "    endscript"
    yield "}"


def _shown(text: str) -> str:
    """Return a text in quotes, with all that is no letter as an escape."""
    return json.dumps(text, ensure_ascii=False)
