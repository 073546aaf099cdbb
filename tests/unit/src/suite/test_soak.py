"""Counting repetitions of failure tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.suite.soak import Case, roles, tally

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="t" name="test_a[deb13-1of3-no file]" time="1"/>
<testcase classname="t" name="test_a[deb13-1of3-no module]" time="1"/>
<testcase classname="t" name="test_a[deb13-2of3-no file]" time="2"><failure message="no"/></testcase>
<testcase classname="t" name="test_a[deb13-2of3-no module]" time="5"/>
<testcase classname="t" name="test_a[deb13-3of3-no file]" time="9"/>
<testcase classname="t" name="test_once[deb13]" time="4"/>
</testsuite></testsuites>"""


def test_repetitions_are_counted_by_case(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert tally(report, "deb13") == [
        Case("test_a no file", "deb13", times=3, passed=2, seconds=2),
        Case("test_a no module", "deb13", times=3, passed=2, seconds=3),
        Case("test_once", "deb13", times=1, passed=1, seconds=4),
    ]


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    (case,) = tally(tmp_path / "none.xml", "deb13")
    assert case.passed < case.times


def test_roles_with_failure_tests_are_found() -> None:
    assert {"httpd", "iptables"} <= set(roles())
