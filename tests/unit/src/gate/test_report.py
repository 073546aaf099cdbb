"""Reports: nothing that a log or a host says gets out of its place."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from strata.catalog.difference import Change, Difference, Group
from strata.gate.plan import Check, What
from strata.gate.report import Report, text_of
from strata.gate.run import Result, Verdict
from strata.paths import ROOT
from strata.suite.cases import Case

if TYPE_CHECKING:
    from pathlib import Path

NASTY = '</pre><script>alert("x")</script>\x1b[31mred\x1b[0m \x00 & "quoted" \u2028 ]]>'


@pytest.fixture
def report(tmp_path: Path) -> Report:
    log = tmp_path / "nasty.log"
    log.write_text(NASTY)
    cases = [Case(f"t: {NASTY}", "failed", 1.5), Case("t: b", "skipped"), Case("t: c", "passed")]
    results = [
        Result(Check(What.UNIT, "unit tests", (NASTY, "unit")), Verdict.FLAKY, 12.34, cases, log),
        Result(Check(What.SCENARIO, "httpd", ("a", "b"), "httpd"), Verdict.NOT_RUN, 0, [], log),
    ]
    difference = Difference("~", "web", "httpd", NASTY, "a.yml:1", (Change("port", ("port: 80 -> 81",)),))
    found = {"sandbox": [Group(("static01",), (difference,))]}
    return Report("a..b", "0" * 40, None, 13, results, [NASTY], found)


def test_the_page_escapes_what_it_shows(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert "1 of 1 hosts differ, 0 cannot be compiled" in page
    assert "port: 80 -&gt; 81" in page
    assert "src=" not in page
    assert "href=" not in page


def test_programs_read_the_form_that_is_promised(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    found = json.loads((tmp_path / "report.json").read_text())
    assert {key: found[key] for key in ("range", "base", "head", "verdict", "seconds")} == {
        "range": "a..b",
        "base": "0" * 40,
        "head": None,
        "verdict": "failed",
        "seconds": 13,
    }
    assert found["checks"][0] == {
        "name": "unit tests",
        "why": [NASTY, "unit"],
        "verdict": "flaky",
        "seconds": 12.3,
        "passed": 1,
        "failed": 1,
        "skipped": 1,
        "log": str(tmp_path / "nasty.log"),
    }
    assert found["checks"][1]["verdict"] == "not run"
    assert found["catalogs"]["sandbox"][0]["hosts"] == ["static01"]


def test_the_page_shows_the_form_as_it_is(report: Report) -> None:
    page = (ROOT / "docs/ci.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert shown.keys() == report.as_json().keys()
    assert shown["checks"][0].keys() == report.as_json()["checks"][0].keys()


def test_junit_has_each_case(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    assert [(suite.get("name"), suite.get("failures"), suite.get("skipped")) for suite in suites] == [
        ("unit tests", "1", "1"),
        ("httpd", "0", "1"),
    ]
    (failure,) = suites.iter("failure")
    assert failure.get("message", "").startswith("flaky: ")


def test_a_verdict_needs_all_checks(report: Report) -> None:
    assert report.verdict == Verdict.FAILED
    assert Report("", "", None, 0, [], []).verdict == Verdict.PASSED


def test_of_a_long_log_the_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("begin\n" + "x" * 100 + "end")
    assert text_of(log, most=10) == "... 99 bytes before this are in long.log\nxxxxxxxend"
