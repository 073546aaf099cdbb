"""What becomes of checks: verdicts, second tries, and the end after the first failure."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from strata.errors import StrataError
from strata.gate import run
from strata.gate.plan import Check, What
from strata.gate.run import Gate, Result, Verdict
from strata.gate.session import StoppedError, TimeUpError
from strata.suite.cases import Case, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Carry = list[list[Outcome] | StrataError]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Result]]:
    """Carry out checks whose outcomes are known for each try."""

    def carry_out(tries: dict[str, Carry], **options: bool) -> list[Result]:
        def fake(check: Check, _trees: object, session: object) -> list[Case]:
            del session
            outcome = tries[check.name].pop(0)
            if isinstance(outcome, StrataError):
                raise outcome
            return [Case(str(at), each) for at, each in enumerate(outcome)]

        monkeypatch.setattr(run, "carry_out", fake)
        monkeypatch.setattr(run, "AT_ONCE", 1)
        checks = [Check(What.LINT if "lint" in name else What.UNIT, name, ()) for name in tries]
        return Gate(None, tmp_path, lambda _: None, **options).run(checks)  # type: ignore[arg-type]

    return carry_out


@pytest.mark.parametrize(
    ("tries", "verdict", "count"),
    [
        ([["passed"]], "passed", "1 passed, 0 failed, 0 skipped"),
        ([["passed", "failed"], ["failed"]], "failed", "1 passed, 1 failed, 0 skipped"),
        ([["passed", "failed"], ["passed", "passed"]], "flaky", "1 passed, 1 failed, 0 skipped"),
        ([["failed"], StrataError("no hosts")], "failed", "0 passed, 1 failed, 0 skipped"),
        ([StrataError("no hosts"), ["passed"]], "flaky", "0 passed, 1 failed, 0 skipped"),
        ([TimeUpError("hangs")], "failed", "0 passed, 1 failed, 0 skipped"),
        ([["failed"], TimeUpError("hangs")], "failed", "0 passed, 1 failed, 0 skipped"),
    ],
)
def test_a_second_try_hides_nothing(gate: Callable[..., list[Result]], tries: Carry, verdict: str, count: str) -> None:
    (result,) = gate({"unit tests": tries})
    assert (result.verdict, str(result.count)) == (verdict, count)


def test_of_unit_tests_only_files_with_failures_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fake(check: Check, _trees: object, _session: object) -> list[Case]:
        tried.append(check.paths)
        return [Case("tests.unit.test_a: test_it", "passed"), Case("tests.unit.test_b: test_it", "failed")]

    monkeypatch.setattr(run, "carry_out", fake)
    check = Check(What.UNIT, "unit tests", (), paths=("tests/unit/test_a.py", "tests/unit/test_b.py"))
    Gate(None, tmp_path, lambda _: None).run([check])  # type: ignore[arg-type]
    assert tried == [check.paths, ("tests/unit/test_b.py",)]


def test_a_linter_is_not_tried_again(gate: Callable[..., list[Result]]) -> None:
    (result,) = gate({"lint": [["failed"]]})
    assert result.verdict == Verdict.FAILED


def test_the_first_failure_ends_it_if_wanted(gate: Callable[..., list[Result]]) -> None:
    results = gate({"a": [["passed"]], "b": [["failed"]], "c": [["passed"]]}, first=True)
    assert [result.verdict for result in results] == ["passed", "failed", "not run"]


def test_what_is_stopped_was_not_run(gate: Callable[..., list[Result]]) -> None:
    (result,) = gate({"a": [StoppedError("ended")]}, first=True)
    assert result.verdict == Verdict.NOT_RUN


def test_checks_of_one_sandbox_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = threading.Semaphore(1)
    alone = []

    def fake(check: Check, _trees: object, _session: object) -> list[Case]:
        alone.append(inside.acquire(blocking=False))
        threading.Event().wait(0.2)
        inside.release()
        return [Case(check.name, "passed")]

    monkeypatch.setattr(run, "carry_out", fake)
    checks = [Check(what, f"{what}", (), "httpd") for what in (What.SCENARIO, What.UPGRADE)]
    Gate(None, tmp_path, lambda _: None).run(checks)  # type: ignore[arg-type]
    assert alone == [True, True]
