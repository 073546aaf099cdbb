"""Lookup plugin: a collected parameter, merged with what the roles of the play contribute to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleLookupError
from ansible.module_utils.datatag import native_type_name
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION = """
name: contributions
author: Strata contributors
short_description: A collected parameter, merged with what the roles of the play contribute to it
description:
  - Returns one flat list - the parameter itself, then each variable C(<role>__<parameter>) of the roles of the play,
    in the order of the roles' names.
  - Only roles of the play count, so that a variable of an absent role opens no port.
  - A dictionary gets the key C(origin), the name of the variable that it came from; equal scalars are given once.
  - A dictionary with the key C(template) gets C(content) instead, that template rendered with the dictionary as
    C(item). It is the first that is found in the folders C(templates) of the contributing role, beside the inventory,
    and beside the playbook; what it includes is found so, too.
options:
  _terms:
    description: The names of collected parameters; each gives one list.
    type: list
    elements: str
    required: true
  origins:
    description: Whether scalars come as C({value, origin}) too, for messages that must say who asked.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Configure Apache
  apache_server:
    vhosts: "{{ lookup('contributions', 'httpd_vhosts') }}"
"""

RETURN = """
_list:
  description: A list for each parameter.
  type: list
  elements: list
"""


@dataclass(frozen=True)
class Part:
    """One variable that adds to a collected parameter, and the role that contributes it (None: the parameter)."""

    variable: str
    role: str | None


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing evaluated."""
        super().__init__(*args, **kwargs)
        self._values: dict[str, Any] = {}
        self._folders: dict[str, str] = {}

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return one merged list for each term."""
        self.set_options(var_options=variables, direct=kwargs)
        return [self._merge(term, variables or {}) for term in terms]

    @staticmethod
    def parts(parameter: str, variables: Mapping[str, Any]) -> list[Part]:
        """Return the variables that add to `parameter` in this play, the parameter itself first."""
        roles = sorted(name.rpartition(".")[2] for name in variables.get("ansible_role_names", []))
        candidates = [Part(parameter, None), *(Part(f"{role}__{parameter}", role) for role in roles)]
        return [part for part in candidates if part.variable in variables]

    def value(self, variable: str, variables: Mapping[str, Any]) -> Any:
        """Return the value of a variable, which is evaluated once for this plugin.

        Raises:
            AnsibleError: it cannot be evaluated.

        """
        if variable not in self._values:
            self._values[variable] = self._templar.template(variables[variable])
        return self._values[variable]

    def _merge(self, parameter: str, variables: dict[str, Any]) -> list[Any]:
        merged: list[Any] = []
        found = self.parts(parameter, variables)
        if not found:
            raise AnsibleLookupError(f"{parameter} is not set: no role has a default for it")
        for part in found:
            values = self.value(part.variable, variables)
            if not isinstance(values, list):
                raise AnsibleLookupError(f"{part.variable} must be a list, not {native_type_name(values)}")
            for value in values:
                item = self._item(part, value, variables)
                if item not in merged:
                    merged.append(item)
        return merged

    def _item(self, part: Part, value: Any, variables: dict[str, Any]) -> Any:
        if not isinstance(value, dict):
            return {"value": value, "origin": part.variable} if self.get_option("origins") else value
        item = {**value, "origin": part.variable}
        if "template" in item:
            item["content"] = self._render(part, item.pop("template"), value, variables)
        return item

    def _render(self, part: Part, template: str, item: dict[str, Any], variables: dict[str, Any]) -> str:
        folders = self._template_folders(part.role, variables)
        path = _find(f"{part.variable} names the template {template}", template, folders)
        templar = self._templar.copy_with_new_env(available_variables={**variables, "item": item}, searchpath=folders)
        text = trust_as_template(self._loader.get_text_file_contents(path))
        rendered: str = templar.template(text, escape_backslashes=False)
        return rendered

    def _template_folders(self, role: str | None, variables: Mapping[str, Any]) -> list[str]:
        """Return where templates are looked for, in this order; a host that no file names has no inventory's folder."""
        places = [variables.get("inventory_dir"), variables.get("playbook_dir")]
        if role is not None:
            if not self._folders:
                self._folders = lookup_loader.get("role_metadata").role_folders(variables)
            if role not in self._folders:
                raise AnsibleLookupError(f"the folder of the role {role} was not found")
            places.insert(0, self._folders[role])
        return [os.path.join(place, "templates") for place in dict.fromkeys(places) if place]


def _find(what: str, template: str, folders: list[str]) -> str:
    """Return the path of the first of these templates. Raises AnsibleLookupError if there is none."""
    for folder in folders:
        path = os.path.realpath(os.path.join(folder, template))
        if not path.startswith(os.path.realpath(folder) + os.sep):
            raise AnsibleLookupError(f"{what}, which leaves {folder}")
        if os.path.isfile(path):
            return path
    raise AnsibleLookupError(f"{what}, but there is no such file in {' or '.join(folders)}")
