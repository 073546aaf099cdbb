"""Counting test cases from JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.suite.cases import Count, count, write

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="t" name="good"/>
<testcase classname="t" name="bad"><failure message="no"/></testcase>
<testcase classname="t" name="broken"><error message="no"/></testcase>
<testcase classname="t" name="data"><skipped message="shared data absent"/></testcase>
<testcase classname="t" name="lazy"><skipped message="not today"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("strict", "expected", "last"),
    [
        (False, "1 passed, 2 failed, 2 skipped", "t: broken"),
        (True, "1 passed, 3 failed, 1 skipped", "t: lazy (skipped: not today)"),
    ],
)
def test_every_case_counts(tmp_path: Path, strict: bool, expected: str, last: str) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    found = count(report, strict=strict)
    assert str(found) == expected
    assert found.failures[-1] == last


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    assert str(count(tmp_path / "none.xml", strict=False)) == "0 passed, 1 failed, 0 skipped"


def test_a_report_of_our_own_is_counted_like_others(tmp_path: Path) -> None:
    write(tmp_path / "lint.xml", "lint", {"ruff": "", "mypy": "x.py:1: wrong"})
    assert count(tmp_path / "lint.xml", strict=True) == Count(passed=1, failures=["lint: mypy"])
