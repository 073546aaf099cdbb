"""What hosts export: declared values, facts of the cache with their age, and hosts that were never seen."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import filter_loader, lookup_loader

ROOT = Path(__file__).parents[3]

filter_loader.add_directory(str(ROOT / "filter_plugins"))
lookup_loader.add_directory(str(ROOT / "lookup_plugins"))
Lookup = lookup_loader.get("exported", class_only=True)


def values(hostvars: dict[str, dict[str, Any]], *names: str, **options: Any) -> list[tuple[str, Any]]:
    groups = {"all": list(hostvars), "web": [name for name in hostvars if name.startswith("web")]}
    found = Lookup().run(list(names or ["target"]), {"hostvars": hostvars, "groups": groups}, **options)
    return [(entry["host"], entry["value"]) for entry in found]


def seen(seconds: float, **facts: Any) -> dict[str, Any]:
    return {"ansible_facts": {"strata_seen": int(time.time() - seconds), **facts}}


def test_what_is_declared_wins_over_what_was_seen() -> None:
    hosts = {"web02": seen(0, target="fact"), "web01": seen(0, target="fact") | {"target": "declared"}, "db01": {}}
    assert values(hosts, groups=["web"]) == [("web01", "declared"), ("web02", "fact")]


def test_facts_within_others() -> None:
    assert values(
        {"web01": seen(0, ansible_local={"strata": {"last_converge": "abc"}})}, "ansible_local.strata.last_converge"
    ) == [("web01", "abc")]


def test_who_was_never_seen_is_named_or_has_the_default() -> None:
    hosts = {"web01": {"target": 1}, "web02": {}, "web03": seen(0)}
    with pytest.raises(AnsibleLookupError, match=r"of web02 \(never seen\), web03 \(it has no such fact\): let a run"):
        values(hosts)
    assert values(hosts, default="none") == [("web01", 1), ("web02", "none"), ("web03", "none")]


def test_what_is_too_old_counts_no_more() -> None:
    hosts = {"web01": seen(10, target=1), "web02": seen(1000, target=2), "web03": {"target": 3}}
    assert values(hosts, max_age=100, default=0) == [("web01", 1), ("web02", 0), ("web03", 3)]
    with pytest.raises(AnsibleLookupError, match=r"target is not known of web02 \(seen 100\d s ago\)"):
        values(hosts, max_age=100)


@pytest.mark.parametrize("wrong", ["yesterday", [], True, float("nan"), time.time(), 9 * 10**18, -1])
def test_a_host_that_says_no_time_is_named_and_has_the_default(monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
    said: list[str] = []
    monkeypatch.setattr(sys.modules[Lookup.__module__].display, "warning", said.append)
    hosts = {"web01": {"ansible_facts": {"strata_seen": wrong, "target": 1}}, "web02": seen(0, target=2)}
    assert values(hosts, max_age=100, default=0) == [("web01", 0), ("web02", 2)]
    assert said == ["web01: its fact strata_seen is no time at which it was seen, and left out"]


@pytest.mark.parametrize("facts", ["none", 5, ["target"]])
def test_facts_that_are_no_mapping_are_left_out(monkeypatch: pytest.MonkeyPatch, facts: Any) -> None:
    said: list[str] = []
    monkeypatch.setattr(sys.modules[Lookup.__module__].display, "warning", said.append)
    assert values({"web01": {"ansible_facts": facts}, "web02": seen(0, target=2)}, default=0)[1] == ("web02", 2)
    assert said == ["web01: its facts are no mapping, and left out"]


def test_a_fact_of_no_known_age_is_not_young() -> None:
    with pytest.raises(AnsibleLookupError, match="when it was seen is not known"):
        values({"web01": {"ansible_facts": {"target": 1}}}, max_age=100)


def test_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(AnsibleLookupError, match="the inventory has no group 'wbe': did you mean 'web'"):
        values({"web01": {}}, groups=["wbe"])
