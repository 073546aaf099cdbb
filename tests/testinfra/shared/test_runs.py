"""What every role's runs must show: check mode that touches nothing and predicts, a second run that changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from plays import unpacked

ORDER = ["check on a new host", "first run", "second run", "check on a converged host"]


@pytest.fixture(scope="session")
def runs() -> dict[str, list[dict[str, Any]]]:
    """The plays of the four runs of `molecule test`, in its order, each with the last one of the run before it."""
    records = [json.loads(path.read_text()) for path in sorted(Path(os.environ["STRATA_RUN_RECORDS"]).glob("*.json"))]
    records = [record for record in records if record["playbook"] == "converge.yml"]
    if [record["check"] for record in records] != [True, False, False, True]:
        pytest.skip("needs the four runs of `molecule test`")
    plays = [record["plays"] for record in records]
    return {ORDER[0]: plays[0]} | {ORDER[k]: [plays[k - 1][-1], *plays[k][1:]] for k in (1, 2, 3)}


def changed(plays: list[dict[str, Any]], target: str) -> list[str]:
    return [task for play in plays for task in play["hosts"][target]["changed"]]


def touched(plays: list[dict[str, Any]], target: str) -> dict[str, tuple[str | None, str | None]]:
    """What is another thing after the run than before."""
    before, after = (unpacked(play["hosts"][target]["fingerprint"]) for play in (plays[0], plays[-1]))
    keys = sorted(before.keys() | after.keys())
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def test_check_mode_touches_nothing_on_a_new_host(runs: dict[str, Any], target: str) -> None:
    assert touched(runs["check on a new host"], target) == {}


def test_check_mode_predicts_the_first_run(runs: dict[str, Any], target: str) -> None:
    predicted = changed(runs["check on a new host"], target)
    assert predicted == changed(runs["first run"], target)


def test_first_run_changes_the_host(runs: dict[str, Any], target: str) -> None:
    assert bool(touched(runs["first run"], target)) == bool(changed(runs["first run"], target))
    assert touched(runs["first run"], target)


@pytest.mark.parametrize("run", ["second run", "check on a converged host"])
def test_nothing_is_touched_any_more(runs: dict[str, Any], run: str, target: str) -> None:
    assert changed(runs[run], target) == []
    assert touched(runs[run], target) == {}


def test_budget_of_remote_calls(runs: dict[str, Any], target: str) -> None:
    budget = int((Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "budget").read_text())
    assert sum(play["hosts"][target]["calls"] for play in runs["second run"][1:-1]) == budget
