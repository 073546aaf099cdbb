"""What a host that saw the base has, and one that only saw the change has not."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from strata.gate.upgrade import after, left_behind

FRESH = {"path /etc/a", "unit a.service", "package a"}


@pytest.mark.parametrize("thing", ["path /etc/b", "unit b.service", "package b"])
def test_what_is_left_is_found(thing: str) -> None:
    assert left_behind(FRESH, {*FRESH, thing}, []) == [thing]


@pytest.mark.parametrize("pattern", ["/etc/b", "/etc/*"])
def test_what_is_named_may_stay(pattern: str) -> None:
    assert left_behind(FRESH, {*FRESH, "path /etc/b"}, [pattern]) == []


@pytest.mark.parametrize("thing", ["process of b.service", "rules iptables-save", "path /etc/group-"])
def test_what_is_a_hosts_own_is_nothing_that_is_left(thing: str) -> None:
    assert left_behind(FRESH, {*FRESH, thing}, []) == []


def test_what_is_missing_is_no_matter_here() -> None:
    assert left_behind(FRESH, {"path /etc/a"}, []) == []


def packed(**things: str) -> str:
    return base64.b64encode(zlib.compress(json.dumps(things).encode())).decode()


def test_the_last_fingerprint_of_a_host_counts() -> None:
    plays = [
        {"hosts": {"a": {"fingerprint": packed(x="1")}}},
        {"hosts": {"a": {"fingerprint": packed(x="2")}, "b": {}}},
    ]
    assert after({"plays": plays}) == {"a": {"x": "2"}}
