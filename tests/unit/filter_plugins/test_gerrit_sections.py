"""gerrit_sections: what has no value is left to Gerrit, and lists become subsections."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("gerrit_sections", ROOT / "filter_plugins/gerrit_sections.py")
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
gerrit_sections = plugin.FilterModule().filters()["gerrit_sections"]


@pytest.mark.parametrize(
    ("settings", "subsections", "found"),
    [
        ({}, None, {}),
        ({"a": {"x": "", "y": None, "z": []}}, {}, {}),
        ({"a": {"x": 0, "y": False, "z": ["1"]}}, {}, {"a": {"x": 0, "y": False, "z": ["1"]}}),
        ({}, {"cache": []}, {}),
        ({}, {"cache": [{"name": "web_sessions"}]}, {"cache": {"web_sessions": {}}}),
        (
            {"cache": {"directory": "cache"}},
            {"cache": [{"name": "x_y", "memory_limit": "1m", "disk_limit": None, "max_age": ""}]},
            {"cache": {"directory": "cache", "x_y": {"memoryLimit": "1m", "diskLimit": None, "maxAge": ""}}},
        ),
        ({}, {"plugin": [{"name": "oauth", "client-id": "x"}]}, {"plugin": {"oauth": {"client-id": "x"}}}),
    ],
)
def test_sections(settings: dict[str, Any], subsections: dict[str, Any] | None, found: dict[str, Any]) -> None:
    assert gerrit_sections(settings, subsections) == found


def test_sections_have_the_order_of_their_first_keys() -> None:
    settings = {"empty": {"x": ""}, "b": {"x": 1}, "a": {"y": 2, "x": 3}}
    found = gerrit_sections(settings, {"empty": [{"name": "n", "z": 4}], "b": [{"name": "m", "z": 5}]})
    assert list(found) == ["b", "a", "empty"]
    assert list(found["a"]) == ["y", "x"]
    assert list(found["b"]) == ["x", "m"]
