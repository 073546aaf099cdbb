"""Gerrit's projects from a project-config tree: read and check it here, and send what the server shall have."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# This alone needs Strata's own package, as checks of a change and `strata project-config check` use the same code.
try:
    from strata.project_config.check import load
    from strata.project_config.desired import desired
    from strata.project_config.tree import Tree
except ImportError as error:
    MISSING: str | None = str(error)
else:
    MISSING = None

#: Whoever calls the module gives these; the module has their defaults.
ARGUMENTS = {
    "tree": {"type": "path", "required": True},
    "site": {"type": "path", "required": True},
    "user": {"type": "str"},
    "account": {"type": "str"},
    "admin_group": {"type": "str"},
    "external_groups": {"type": "dict"},
    "seconds": {"type": "int"},
}

#: Problems that are shown in full.
SHOWN = 20


class ActionModule(ActionBase):
    """Make calls until nothing is left, and say between them how far it is."""

    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        tree = arguments.pop("tree")
        result |= {"changes": [], "problems": {}}
        if MISSING:
            text = f"{MISSING}: run ansible-playbook from .strata/venv/bin, or put Strata's src into its Python's path"
            return result | {"failed": True, "msg": f"gerrit_projects needs the package strata: {text}"}
        found = load(Tree(Path(tree)))
        state = desired(found)
        for finding in found.findings:
            if finding.warning:
                Display().warning(f"{tree}: {finding}")
        if state.errors:
            errors = [str(error) for error in state.errors]
            return result | {"failed": True, "msg": f"{tree}: nothing is touched, as{_listing(errors)}"}
        projects = [asdict(project) for project in state.projects]
        sent = {name: value for name, value in arguments.items() if value is not None}
        return result | self._apply(sent | {"manifest": packed(projects)}, state.problems, task_vars)

    def _apply(
        self, arguments: dict[str, Any], problems: dict[str, str], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Call the module until nothing is left; `problems` are those of projects that are not even sent."""
        changes: list[str] = []
        found: dict[str, str] = {}
        differences: list[dict[str, Any]] | None = None
        while True:
            sent = arguments | {"skip": sorted(found)}
            answer = self._execute_module(module_name="gerrit_projects", module_args=sent, task_vars=task_vars)
            answer.pop("invocation", None)
            changes += answer.get("changes", [])
            found |= answer.get("problems", {})
            if differences is None:
                differences = answer.get("diff", [])
            left = answer.pop("left", 0)
            if answer.get("failed") or not left:
                break
            total = answer["projects"]["declared"]
            Display().display(f"gerrit_projects: {total - left} of {total} projects are done")
        answer |= {"changed": bool(changes), "changes": changes, "diff": differences, "problems": problems | found}
        if answer.get("failed"):
            return answer
        answer["undeclared"] = [name for name in answer["undeclared"] if name not in problems]
        problems = answer["problems"]
        total = answer["projects"]["declared"] + len(problems) - len(found)
        answer["projects"] = {"declared": total, "applied": total - len(problems)}
        if problems:
            texts = [f"{name}: {problems[name]}" for name in sorted(problems)]
            count = f"{len(problems)} of {total} projects {'is' if len(problems) == 1 else 'are'}"
            answer |= {"failed": True, "msg": f"{count} not applied, the others are:{_listing(texts)}"}
        return answer


def packed(projects: list[dict[str, Any]]) -> str:
    """Return projects in the form in which the module reads them."""
    text = json.dumps(projects, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"))).decode("ascii")


def _listing(texts: list[str]) -> str:
    more = [f"and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return "".join(f"\n  {text}" for text in (*texts[:SHOWN], *more))
