"""Single test cases, as JUnit XML has them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

#: A skipped test says so when it needs test data that lies beside the checkout only at times.
DATA_ABSENT = "shared data absent"

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Case:
    """What became of a case, and where and how long it was tried; no host if it needs none."""

    name: str
    outcome: Outcome
    seconds: float = 0
    host: str = ""


@dataclass
class Count:
    """How many cases passed, failed and were skipped; the names of those that failed, with the reason."""

    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def __add__(self, other: Count) -> Count:
        """Return both counts as one."""
        return Count(self.passed + other.passed, self.skipped + other.skipped, self.failures + other.failures)

    def __str__(self) -> str:
        """Return the count in the form that test runners close with."""
        return f"{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped"


def count(cases: Iterable[Case]) -> Count:
    """Count cases by their outcome."""
    found = list(cases)
    outcomes = [case.outcome for case in found]
    failures = [case.name for case in found if case.outcome == "failed"]
    return Count(outcomes.count("passed"), outcomes.count("skipped"), failures)


def read(report: Path, *, strict: bool, hosts: Collection[str] = ()) -> list[Case]:
    """Return the cases of a report in the order in which they were tried.

    Args:
        report: JUnit XML; without it nothing was run, which is a failure.
        strict: whether a skipped case is a failure, but for want of data beside the checkout.
        hosts: the hosts that stand in the brackets of cases' names.

    """
    if not report.exists():
        return [Case(f"{report.name}: no report was written", "failed")]
    return [
        _read_case(case, strict=strict, hosts=hosts)
        for suite in JUnitXml.fromfile(str(report))
        for case in (suite if isinstance(suite, TestSuite) else [suite])
    ]


def write(report: Path, suite: str, outcomes: Mapping[str, str], seconds: Mapping[str, float] | None = None) -> None:
    """Write a report of our own: for each case what was wrong, or an empty text, and perhaps how long it took."""
    made = TestSuite(suite)
    for name, wrong in outcomes.items():
        case = TestCase(name, suite, (seconds or {}).get(name))
        if wrong:
            case.result = [Failure(wrong)]
        made.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(made)
    xml.write(str(report))


def _read_case(case: TestCase, *, strict: bool, hosts: Collection[str]) -> Case:
    words = re.split(r"[\[\]-]", str(case.name).partition("[")[2])
    host = next((word for word in words if word in hosts), "")
    name, seconds = f"{case.classname}: {case.name}", case.time or 0.0
    for result in case.result:
        if isinstance(result, (Error, Failure)):
            return Case(name, "failed", seconds, host)
        if isinstance(result, Skipped):
            if strict and DATA_ABSENT not in (result.message or ""):
                return Case(f"{name} (skipped: {result.message})", "failed", seconds, host)
            return Case(name, "skipped", seconds, host)
    return Case(name, "passed", seconds, host)
