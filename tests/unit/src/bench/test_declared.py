"""Benchmarks: what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.bench import declared
from strata.errors import StrataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", declared.names())
def test_every_benchmark_can_be_read(name: str) -> None:
    found = declared.load(name)
    assert found.sides[0].name == "ours"
    assert found.description


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(UsageError, match="there is no benchmark 'W3': choose from W-httpd"):
        declared.load("W3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is not a benchmark"),
        ("description: x", "is not a benchmark: 'sides'"),
        ("sides: {a: {command: [x], speed: 1}}", "is not a benchmark: .*'speed'"),
        ("{description: x, sides: {a: {}}}", "a needs either a playbook or a command"),
        ("{description: x, sides: {a: {playbook: no.yml}}}", "a: there is no file .*no.yml"),
    ],
)
def test_a_bad_benchmark_is_one_sentence(folder: Path, text: str, message: str) -> None:
    (folder / "bench.yml").write_text(text)
    with pytest.raises(StrataError, match=rf"benchmarks/W/bench\.yml: {message}"):
        declared.load("W")
