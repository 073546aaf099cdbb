"""Cases from JUnit XML, and how many of them passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.suite.cases import Case, Count, count, read, write

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="t" name="good" time="0.5"/>
<testcase classname="t" name="bad"><failure message="no"/></testcase>
<testcase classname="t" name="broken"><error message="no"/></testcase>
<testcase classname="t" name="data"><skipped message="shared data absent"/></testcase>
<testcase classname="t" name="lazy"><skipped message="not today"/></testcase>
</testsuite></testsuites>"""

ON_HOSTS = """<testsuites><testsuite name="pytest">
<testcase classname="t" name="test_b[deb13-no file]" time="2.25"/>
<testcase classname="t" name="test_a[none-deb12]" time="1"><failure message="no"/></testcase>
<testcase classname="t" name="test_a[deb14]" time="1"/>
<testcase classname="t" name="test_deb12" time="3"/>
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
    found = count(read(report, strict=strict))
    assert str(found) == expected
    assert found.failures[-1] == last


def test_cases_keep_their_order_host_and_time(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(ON_HOSTS)
    assert read(report, strict=True, hosts=["deb12", "deb13"]) == [
        Case("t: test_b[deb13-no file]", "passed", 2.25, "deb13"),
        Case("t: test_a[none-deb12]", "failed", 1, "deb12"),
        Case("t: test_a[deb14]", "passed", 1),
        Case("t: test_deb12", "passed", 3),
    ]


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    assert str(count(read(tmp_path / "none.xml", strict=False))) == "0 passed, 1 failed, 0 skipped"


def test_a_report_of_our_own_is_read_like_others(tmp_path: Path) -> None:
    report = tmp_path / "lint.xml"
    write(report, "lint", {"ruff": "", "mypy": "x.py:1: wrong"}, {"ruff": 0.5, "mypy": 20})
    found = read(report, strict=True)
    assert found == [Case("lint: ruff", "passed", 0.5), Case("lint: mypy", "failed", 20)]
    assert count(found) == Count(passed=1, failures=["lint: mypy"])
