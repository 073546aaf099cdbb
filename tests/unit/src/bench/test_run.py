"""Benchmarks: in which order they are measured, and what is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from strata.bench import run
from strata.bench.declared import Benchmark, Side
from strata.bench.run import Result
from strata.errors import StrataError, UsageError


class FakeSandbox:
    """A sandbox without hosts, which remembers what was asked of it."""

    asked: list[str]

    def __init__(self, name: str, hosts: list[Any]) -> None:
        self.name, self.hosts, self.folder, self.ssh_config = name, hosts, Path(), Path("ssh_config")
        type(self).asked = []

    def up(self) -> None:
        self.asked.append("up")

    def down(self) -> None:
        self.asked.append("down")


def command(code: str, **others: Any) -> Side:
    return Side("rsync", command=(sys.executable, "-c", code), **others)


@pytest.fixture
def measure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(run, "Sandbox", FakeSandbox)
    monkeypatch.setattr(run, "STATE", folder)
    monkeypatch.setattr(run._Bench, "_write_inventory", lambda _: None)
    monkeypatch.setattr(run._Bench, "_ssh_options", lambda _: ["-F", "config"])
    return run.measure


def test_sides_are_measured_in_turn() -> None:
    found = Benchmark("W", "", (Side("ours", runs=3), Side("stock", runs=1)))
    assert [side.name for side in run.schedule(found, None)] == ["ours", "stock", "ours", "ours"]
    assert [side.name for side in run.schedule(found, 2)] == ["ours", "stock"] * 2


def test_a_row_has_median_spread_and_ratio() -> None:
    ours = Result("ours", first=9, seconds=[1.0, 3.0, 2.0], calls=2, megabytes=70)
    rsync = Result("rsync", first=3, seconds=[1.0])
    assert ours.row(ours) == ("ours", 3, "2.00", "1.00-3.00", "1.00", 2, "9.0", "70")
    assert rsync.row(ours) == ("rsync", 1, "1.00", "1.00-1.00", "0.50", "-", "3.0", "0")


def test_the_tree_is_the_same_each_time(tmp_path: Path) -> None:
    trees = []
    for name in "ab":
        run.make_files(tmp_path / name, 201, 10)
        trees.append(
            {path.relative_to(tmp_path / name): path.read_bytes() for path in tmp_path.rglob(f"{name}/tree/*/*")}
        )
    assert trees[0] == trees[1]
    assert len(set(trees[0].values())) == 201
    assert {len(contents) for contents in trees[0].values()} == {10}


def test_a_command_is_measured_and_its_host_goes_away(measure: Any, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    side = command(f"import sys; print(*sys.argv[1:], file=open({str(seen)!r}, 'a'))", runs=2)
    side = Side("rsync", command=(*side.command, "{ssh}", "{host}:/srv"), runs=2)
    (result,) = measure(Benchmark("W", "", (side,)))
    assert seen.read_text() == "ssh -F config rsync1:/srv\n" * 3
    assert len(result.seconds) == 2
    assert result.megabytes > 1
    assert FakeSandbox.asked == ["down", "up", "down"]


def test_a_failure_is_shown_and_its_host_goes_away(measure: Any) -> None:
    with pytest.raises(StrataError, match=r"(?s)W: rsync failed .*: *\n.*no luck"):
        measure(Benchmark("W", "", (command("raise SystemExit('no luck')"),)))
    assert FakeSandbox.asked[-1] == "down"


def test_a_run_that_changes_something_is_no_measurement(measure: Any, folder: Path) -> None:
    record = {"plays": [{"hosts": {"rsync": {"changed": ["Copy"], "calls": 1}}}]}
    path = folder / "bench/W/record.json"
    with pytest.raises(StrataError, match="W: rsync had nothing left to do, and changed: Copy"):
        measure(Benchmark("W", "", (command(f"open({str(path)!r}, 'w').write({json.dumps(record)!r})"),)))


def test_a_missing_program_is_named_before_a_host_is_booted(measure: Any) -> None:
    with pytest.raises(UsageError, match="W: rsync needs no-such-program on this machine"):
        measure(Benchmark("W", "", (Side("rsync", command=("no-such-program",)),)))


def test_a_plain_side_has_only_the_plugin_that_counts(measure: Any, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    say = f"import os; print(os.environ.get('ANSIBLE_CALLBACKS_ENABLED'), file=open({str(seen)!r}, 'a'))"
    measure(Benchmark("W", "", (command(say, runs=1), Side("stock", command=command(say).command, plain=True, runs=1))))
    assert seen.read_text().split() == ["None", "run_record"] * 2


def test_each_side_has_its_hosts(measure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    booted: list[str] = []
    monkeypatch.setattr(FakeSandbox, "up", lambda sandbox: booted.extend(host.name for host in sandbox.hosts))
    sides = (command("", runs=1), Side("stock", command=(sys.executable, "-c", ""), runs=1))
    measure(Benchmark("W", "", sides, hosts=2))
    assert booted == ["rsync1", "rsync2", "stock1", "stock2"]
