"""gerrit_projects on the control side: what is sent, and what becomes of the answers of several calls."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.gerrit.projects.declared import Wanted, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    Apply = Callable[..., tuple[dict[str, Any], list[dict[str, Any]]]]

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("gerrit_projects_action", ROOT / "action_plugins/gerrit_projects.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)


def answer(*changes: str, left: int = 0, **more: Any) -> dict[str, Any]:
    """What the module says of ten projects."""
    kept = {"changed": bool(changes), "changes": list(changes), "left": left, "problems": {}, "undeclared": []}
    return kept | {"projects": {"declared": 10, "applied": 10 - left}, "diff": [{"after": "x"}]} | more


@pytest.fixture
def apply(monkeypatch: pytest.MonkeyPatch) -> Apply:
    def run(answers: list[dict[str, Any]], problems: dict[str, str] | None = None) -> tuple[dict[str, Any], list[Any]]:
        calls: list[dict[str, Any]] = []

        def execute(_self: object, module_name: str, module_args: dict[str, Any], task_vars: object) -> dict[str, Any]:
            assert (module_name, task_vars) == ("gerrit_projects", {})
            calls.append(module_args)
            return answers[len(calls) - 1]

        monkeypatch.setattr(action.ActionModule, "_execute_module", execute)
        plugin = action.ActionModule.__new__(action.ActionModule)
        return plugin._apply({"site": "/srv/gerrit"}, problems or {}, {}), calls

    return run


def test_calls_are_made_until_nothing_is_left(apply: Apply, capsys: pytest.CaptureFixture[str]) -> None:
    result, calls = apply([answer("a", left=6), answer("b", left=1), answer("c")])
    assert (result["changed"], result["changes"], result["diff"]) == (True, ["a", "b", "c"], [{"after": "x"}])
    assert (len(calls), result["projects"], result.get("failed")) == (3, {"declared": 10, "applied": 10}, None)
    assert capsys.readouterr().out.splitlines() == [
        "gerrit_projects: 4 of 10 projects are done",
        "gerrit_projects: 9 of 10 projects are done",
    ]


def test_a_project_that_cannot_be_applied_is_not_tried_again_but_named(apply: Apply) -> None:
    result, calls = apply([answer("a", left=5, problems={"acme/x": "refused"}), answer()], {"acme/y": "file:1: broken"})
    assert [call["skip"] for call in calls] == [[], ["acme/x"]]
    assert result["failed"]
    assert result["msg"] == (
        "2 of 11 projects are not applied, the others are:\n  acme/x: refused\n  acme/y: file:1: broken"
    )
    assert result["projects"] == {"declared": 11, "applied": 9}


def test_a_failure_keeps_what_was_done_before(apply: Apply) -> None:
    result, _calls = apply([answer("a", left=5), {"failed": True, "msg": "Gerrit does not answer", "changes": ["b"]}])
    assert (result["failed"], result["changed"], result["changes"]) == (True, True, ["a", "b"])
    assert result["msg"] == "Gerrit does not answer"


def test_projects_with_broken_acls_are_not_taken_for_undeclared(apply: Apply) -> None:
    result, _calls = apply([answer(undeclared=["acme/old", "acme/y"])], {"acme/y": "broken"})
    assert result["undeclared"] == ["acme/old"]


def test_what_is_sent_arrives() -> None:
    project = {"name": "acme/x", "config": "[project]\n", "groups": ("a", "b"), "parent": None, "acl": "f"}
    assert unpack(action.packed([project])) == [Wanted(**project)]
