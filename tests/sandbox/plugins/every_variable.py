"""Lookup plugin of a test: write each variable that a task sees, or that it cannot be evaluated, to a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display


class LookupModule(LookupBase):
    """Takes the name of the folder in which the host's file is written, and returns how many variables there are."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_options: Any) -> list[int]:
        """Evaluate all variables, those of roles with the roles' own files at hand."""
        given = variables or {}
        roles = [str(Path(given["playbook_root"], "roles", role)) for role in sorted(given["ansible_role_names"])]
        self._templar.available_variables = {**given, "ansible_search_path": [*roles, given["playbook_root"]]}
        found = {name: self._value(value) for name, value in given.items() if name not in {"vars", "hostvars"}}
        Path(terms[0], f"{given['inventory_hostname']}.json").write_text(json.dumps(found, default=str))
        Display().v(f"{len(found)} variables of {given['inventory_hostname']}")
        return [len(found)]

    def _value(self, value: Any) -> dict[str, Any]:
        try:
            return {"value": self._templar.template(value)}
        except AnsibleError as error:
            return {"error": str(error.message)}
