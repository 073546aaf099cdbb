"""Outcomes of cases in several rounds."""

from __future__ import annotations

from strata.suite.cases import Case, Outcome
from strata.suite.parts import Part
from strata.suite.run import PartResult
from strata.suite.tally import Tally, tally

PART = Part("one", lambda report, log: 0)  # noqa: ARG005


def counted(*rounds: list[Outcome]) -> Tally:
    """Return the tally of a case that has these outcomes in reports, one round after another."""
    (found,) = tally([[PartResult(PART, [Case("a", outcome, host="deb13") for outcome in each])] for each in rounds])
    return found


def test_a_case_may_pass_or_be_skipped() -> None:
    assert counted(["passed"], ["skipped"]) == Tally("one", "a", "deb13", times=2, passed=1, skipped=1)
    assert counted(["passed"], ["skipped"]).outcome == "passed"


def test_a_case_that_passes_and_fails_in_one_round_has_failed() -> None:
    assert counted(["passed", "failed"]).outcome == "failed"
    assert counted(["passed", "failed"], ["passed"]).outcome == "flaky"


def test_hosts_and_parts_are_told_apart() -> None:
    other = Part("other", PART.run)
    rounds = [[PartResult(PART, [Case("a", "passed", host="x"), Case("a", "failed", host="y")])], [PartResult(other)]]
    assert [(each.host, each.outcome) for each in tally(rounds)] == [("x", "flaky"), ("y", "failed")]
