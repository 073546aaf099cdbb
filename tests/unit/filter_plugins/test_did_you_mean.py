"""Hints at the nearest name read alike, whoever gives them: plugins, modules, the command line tool."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from ansible.module_utils.strata.errors import did_you_mean as of_modules

from strata.errors import nearest as of_the_tool

spec = importlib.util.spec_from_file_location(
    "did_you_mean", Path(__file__).parents[3] / "filter_plugins/did_you_mean.py"
)
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
did_you_mean = plugin.FilterModule().filters()["did_you_mean"]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("wbe", ["db", "web"], ": did you mean 'web'?"),
        ("othr", {"other": 1}, ": did you mean 'other'?"),
        ("zzz", ["db", "web"], ""),
        ("web", [], ""),
    ],
)
def test_the_nearest_name(name: str, known: list[str] | dict[str, int], hint: str) -> None:
    assert {each(name, known) for each in (did_you_mean, of_modules, of_the_tool)} == {hint}


def test_a_hint_may_ask_for_more_in_common() -> None:
    assert did_you_mean("wep_password", ["web_password"], 0.9)
    assert not did_you_mean("wbe", ["web"], 0.9)
