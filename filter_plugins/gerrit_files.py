"""Filter plugin: the further files of a Gerrit's site, by what the parameters of the role say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Items = Iterable[Mapping[str, Any]]

DOCUMENTATION = r"""
name: gerrit_files
author: Strata contributors
short_description: The further files of a Gerrit's site
description:
  - Gives a list of files, as the module C(gerrit_site) takes it in O(gerrit_site#module:files).
positional: _input, ssh_host_keys, hooks, static_files, files
options:
  _input:
    description: Files as they are in the result; those without content are left out.
    type: list
    elements: dict
    required: true
  ssh_host_keys:
    description: Keys of Gerrit's SSH server, each with C(type), C(private) and C(public).
    type: list
    elements: dict
    required: true
  hooks:
    description: Hooks, each with C(name) and C(content).
    type: list
    elements: dict
    required: true
  static_files:
    description: Files below C(static), each with C(path) and C(content).
    type: list
    elements: dict
    required: true
  files:
    description: Files as they are in the result.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what becomes of a hook
  ansible.builtin.debug:
    msg: "{{ [] | gerrit_files([], [{'name': 'patchset-created', 'content': '#!/bin/sh'}], [], []) }}"
    # [{path: hooks/patchset-created, content: "#!/bin/sh", mode: "0755", origin: gerrit_hooks}]
"""

RETURN = r"""
_value:
  description: The files; C(origin) is the parameter of the role gerrit that each comes from.
  type: list
  elements: dict
"""


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"gerrit_files": gerrit_files}


def gerrit_files(
    texts: Items, ssh_host_keys: Items, hooks: Items, static_files: Items, files: Items
) -> list[Mapping[str, Any]]:
    """Return the files that these parameters make."""
    return list(_files(texts, ssh_host_keys, hooks, static_files, files))


def _files(
    texts: Items, ssh_host_keys: Items, hooks: Items, static_files: Items, files: Items
) -> Iterator[Mapping[str, Any]]:
    yield from (text for text in texts if text.get("content") or text.get("secret_content"))
    for key in ssh_host_keys:
        path, origin = f"etc/ssh_host_{key['type']}_key", "gerrit_ssh_host_keys"
        yield {"path": path, "secret_content": key["private"], "mode": "0600", "origin": origin}
        yield {"path": f"{path}.pub", "content": f"{key['public']}\n", "origin": origin}
    for hook in hooks:
        yield {"path": f"hooks/{hook['name']}", "content": hook["content"], "mode": "0755", "origin": "gerrit_hooks"}
    for file in static_files:
        yield {"path": f"static/{file['path']}", "content": file["content"], "origin": "gerrit_static_files"}
    yield from ({**file, "origin": "gerrit_files"} for file in files)
