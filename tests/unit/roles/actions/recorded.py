"""Action plugin that checks a host by preflight, and records what its roles would hand to their modules."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

if TYPE_CHECKING:
    from collections.abc import Iterator


class ActionModule(ActionBase):
    """Write a file for the host into the folder that STRATA_RECORDED names; no host is asked."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what preflight does."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        record: dict[str, Any] = {"problem": "", "calls": [], "contributed": {}}
        try:
            record["problem"] = self._preflight(variables)
            if not record["problem"]:
                record["calls"] = list(self._calls(variables))
                prefixes = tuple(f"{role}__" for role in variables["ansible_role_names"])
                names = [name for name in variables if name.startswith(prefixes)]
                record["contributed"] = {name: plain(self._templar.template(variables[name])) for name in names}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            record["problem"] = str(error)
        path = Path(os.environ["STRATA_RECORDED"]) / variables["inventory_hostname"]
        path.write_text(json.dumps(record), encoding="utf-8")
        return {"changed": False}

    def _preflight(self, variables: dict[str, Any]) -> str:
        """Return what preflight has to say."""
        preflight = self._shared_loader_obj.action_loader.get(
            "preflight",
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return str(preflight.run(None, variables).get("msg", ""))

    def _calls(self, variables: dict[str, Any]) -> Iterator[dict[str, Any]]:
        folders = lookup_loader.get("role_metadata", loader=self._loader, templar=self._templar).role_folders(variables)
        for role in sorted(variables["ansible_role_names"]):
            path = Path(folders[role]) / "tasks/main.yml"
            if not path.exists():
                continue
            here = {**variables, "role_path": folders[role], "ansible_search_path": [folders[role]]}
            templar = self._templar.copy_with_new_env(available_variables=here)
            for task in self._loader.load_from_file(str(path), trusted_as_template=True)[0]["block"]:
                if all(templar.evaluate_conditional(each) for each in as_list(task.get("when", []))):
                    module = next(key for key in task if key not in {"name", "when"})
                    arguments = plain(templar.template(task[module] or {}))
                    yield {"role": role, "module": module, "arguments": arguments}


def as_list(value: Any) -> list[Any]:
    """Return a list, also of what stands alone."""
    return value if isinstance(value, list) else [value]


def plain(value: Any) -> Any:
    """Return a value without what Ansible's own types add to it."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, str) else value
