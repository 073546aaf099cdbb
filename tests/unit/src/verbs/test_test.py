"""What `strata test` shows of parts that are run once, or again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from strata.cli import cli
from strata.suite.cases import write
from strata.suite.parts import Part
from strata.verbs import test as verb

if TYPE_CHECKING:
    from pathlib import Path

Strata = Callable[..., Result]


class Round:
    """A part whose outcomes are known for each round: for each case what is wrong; None is a part without a report."""

    def __init__(self, *rounds: dict[str, str] | None, **seconds: float) -> None:
        self.rounds, self.seconds = list(rounds), seconds

    def __call__(self, report: Path, log: Path) -> int:
        outcomes = self.rounds.pop(0)
        log.write_text(f"{len(self.rounds)} rounds are left\n")
        if outcomes is None:
            return 4
        write(report, "t", outcomes, self.seconds)
        return 1 if any(outcomes.values()) else 0


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("strata.suite.run.REPORTS", tmp_path)
    monkeypatch.setattr("strata.suite.parts.REPORTS", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def strata(reports: Path, monkeypatch: pytest.MonkeyPatch) -> Strata:
    """Run `strata test` with parts of the suite of the test's own."""
    assert reports.is_dir()

    def run(parts: dict[str, Any], *arguments: str) -> Result:
        monkeypatch.setattr(verb, "all_parts", lambda: [Part(*each, hosts=lambda: ["deb13"]) for each in parts.items()])
        return CliRunner().invoke(cli, ["test", *arguments])

    return run


def rows(done: Result, *first: str) -> list[list[str]]:
    """Return the lines of tables that begin with these words, without what separates columns."""
    lines = [re.split(r" {2,}", line.strip()) for line in done.output.splitlines()]
    return [line for line in lines if line[: len(first)] == list(first)]


def test_the_slowest_cases_are_shown_with_part_and_host(strata: Strata) -> None:
    fast = Round({"a": "", "b": "", "c": ""}, a=0.5, b=0.1, c=0.2)
    slow = Round({"d[deb13-x]": "", "e": ""}, **{"d[deb13-x]": 20, "e": 0.3})
    done = strata({"fast": fast, "slow": slow}, "--slowest", "3")
    assert done.exit_code == 0
    table = done.output.partition("slowest cases:\n")[2]
    found = [re.split(r" {2,}", line.strip()) for line in table.splitlines() if "t: " in line]
    assert found == [["slow", "20.0", "deb13", "t: d[deb13-x]"], ["fast", "0.5", "t: a"], ["slow", "0.3", "t: e"]]


def test_without_the_option_no_case_is_shown(strata: Strata) -> None:
    assert "slowest" not in strata({"fast": Round({"a": ""})}).output


def test_a_case_that_passes_only_at_times_is_flaky(strata: Strata, reports: Path) -> None:
    part = Round({"a": "", "b": ""}, {"a": "no", "b": ""}, {"a": "", "b": ""})
    done = strata({"one": part, "other": Round()}, "--repeat", "3", "one")
    assert done.exit_code == 1
    assert rows(done, "one") == [["one", "t: a", "2 of 3", "flaky"]]
    assert done.output.endswith("1 of 2 cases passed 3 of 3 times, 0 failed, 1 flaky\n")
    assert "kept one-2of3.log" in done.output
    assert (reports / "one-2of3.log").read_text() == "1 rounds are left\n"
    assert "<failure" in (reports / "one-2of3.xml").read_text()
    assert not list(reports.glob("one-[13]of3*"))


def test_cases_that_pass_each_time_are_counted(strata: Strata) -> None:
    done = strata({"one": Round(*[{"a": "", "b": ""}] * 2)}, "--repeat", "2", "one")
    assert done.exit_code == 0
    assert done.output.endswith("2 of 2 cases passed 2 of 2 times, 0 failed, 0 flaky\n")


def test_a_case_that_never_passes_has_failed(strata: Strata) -> None:
    done = strata({"one": Round(*[{"a": "no"}] * 2)}, "--repeat", "2", "one")
    assert done.exit_code == 1
    assert rows(done, "one") == [["one", "t: a", "0 of 2", "failed"]]


def test_a_part_that_cannot_be_started_has_failed_and_the_others_count(strata: Strata) -> None:
    def gone(_report: Path, _log: Path) -> int:
        raise FileNotFoundError(2, "No such file or directory", "python3.11")

    done = strata({"gone": gone, "one": Round({"a": ""})})
    assert done.exit_code == 1
    assert "FAILED gone: [Errno 2] No such file or directory: 'python3.11'" in done.output
    assert done.output.endswith("1 passed, 1 failed, 0 skipped\n")


def test_a_case_that_is_missing_from_a_round_did_not_pass(strata: Strata) -> None:
    done = strata({"one": Round({"a": ""}, None)}, "--repeat", "2", "one")
    assert done.exit_code == 1
    assert ["one", "t: a", "1 of 2", "flaky"] in rows(done, "one")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--repeat", "2"], "--repeat runs parts again and again: name them"),
        (["--soak", "--slowest", "2"], "leave --slowest out"),
    ],
)
def test_options_that_say_nothing_together(strata: Strata, arguments: list[str], said: str) -> None:
    done = strata({}, *arguments)
    assert said in str(done.exception)
