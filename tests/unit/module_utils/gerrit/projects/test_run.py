"""A run over the projects: what it predicts where there is no Gerrit yet, and what it says when it fails."""

from __future__ import annotations

import base64
import json
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.gerrit.projects import run
from ansible.module_utils.strata.gerrit.projects.declared import ProjectsError

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = {"name": "acme/anvil", "config": "[project]\n", "groups": ["anvil-core"]}


def module(site: Path, *, check_mode: bool = False) -> Any:
    manifest = base64.b64encode(zlib.compress(json.dumps([PROJECT]).encode())).decode()
    params = {"manifest": manifest, "site": str(site), "external_groups": {}}
    return SimpleNamespace(params=params, check_mode=check_mode, _diff=True)


def test_where_no_gerrit_is_yet_all_is_predicted(tmp_path: Path) -> None:
    found = run.converge(module(tmp_path, check_mode=True))
    assert found["changes"] == ["group anvil-core is made", "project acme/anvil is made"]
    assert (found["changed"], found["projects"]) == (True, {"declared": 1, "applied": 1})
    assert [each["after_header"] for each in found["diff"]] == ["acme/anvil project.config", "acme/anvil groups"]
    assert (found["problems"], found["undeclared"], found["left"]) == ({}, [], 0)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StrataError("Gerrit does not answer"), "Gerrit does not answer"),
        (OSError("No space left"), "the projects cannot be configured: No space left"),
    ],
)
def test_a_run_that_fails_says_what_it_has_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(_module: object, _wanted: object, progress: run.Progress) -> None:
        progress.changes.append("group anvil-core is made")
        progress.problems["acme/x"] = "refused"
        raise error

    monkeypatch.setattr(run, "_apply", fail)
    with pytest.raises(ProjectsError) as raised:
        run.converge(module(tmp_path))
    assert str(raised.value) == said
    assert raised.value.result == {
        "changed": True,
        "changes": ["group anvil-core is made"],
        "problems": {"acme/x": "refused"},
    }
