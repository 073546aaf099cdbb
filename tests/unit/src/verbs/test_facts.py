"""`strata facts`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from strata.cli import cli

if TYPE_CHECKING:
    from pathlib import Path


def record(folder: Path, *arguments: str) -> str:
    options = ["-i", str(folder / "hosts.yml"), "--facts", str(folder / "seen")]
    done = CliRunner().invoke(cli, ["facts", "record", *arguments, *options])
    return done.stdout or str(done.exception or "")


def test_only_facts_that_are_used_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web01: , web02: }}\n")
    (tmp_path / "seen").mkdir()
    seen = {"distribution": "Debian", "strata_seen": 5, "a_serial_number_of_a_machine": "4711"}
    (tmp_path / "seen/s1_web01").write_text(json.dumps({"__payload__": json.dumps(seen)}))
    target = tmp_path / "recorded/facts/web01.json"
    assert record(tmp_path).splitlines() == [
        f"{target}: written",
        "web02: no run has seen it: its facts stay as they are",
    ]
    assert json.loads(target.read_text()) == {"distribution": "Debian"}
    assert record(tmp_path, "web01") == ""
    assert "there is no host 'web1': did you mean 'web01'?" in record(tmp_path, "web1")
    (tmp_path / "seen/s1_web01").write_text("nothing")
    assert "s1_web01: the facts cannot be read" in record(tmp_path, "web01")
