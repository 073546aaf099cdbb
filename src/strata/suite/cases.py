"""Counting single test cases from JUnit XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

if TYPE_CHECKING:
    from pathlib import Path

#: A skipped test says so when it needs test data that lies beside the checkout only at times.
DATA_ABSENT = "shared data absent"


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


def count(report: Path, *, strict: bool) -> Count:
    """Count the cases of a report.

    Args:
        report: JUnit XML; without it nothing was run, which is a failure.
        strict: whether a skipped case is a failure, but for want of data beside the checkout.

    """
    if not report.exists():
        return Count(failures=[f"{report.name}: no report was written"])
    total = Count()
    for suite in JUnitXml.fromfile(str(report)):
        for case in suite if isinstance(suite, TestSuite) else [suite]:
            total += _count_case(case, strict=strict)
    return total


def write(report: Path, suite: str, outcomes: dict[str, str]) -> None:
    """Write a report of our own: for each case what was wrong, or an empty text."""
    made = TestSuite(suite)
    for name, wrong in outcomes.items():
        case = TestCase(name, suite)
        if wrong:
            case.result = [Failure(wrong)]
        made.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(made)
    xml.write(str(report))


def _count_case(case: TestCase, *, strict: bool) -> Count:
    name = f"{case.classname}: {case.name}"
    for result in case.result:
        if isinstance(result, (Error, Failure)):
            return Count(failures=[name])
        if isinstance(result, Skipped):
            if strict and DATA_ABSENT not in (result.message or ""):
                return Count(failures=[f"{name} (skipped: {result.message})"])
            return Count(skipped=1)
    return Count(passed=1)
