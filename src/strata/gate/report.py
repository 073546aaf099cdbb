"""What became of a run of the gate: JSON and JUnit XML for programs, one page of HTML for people."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from strata import whole
from strata.catalog.report import data, lines, total
from strata.gate.run import Verdict
from strata.paths import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strata.affected.change import Change
    from strata.catalog.difference import Group
    from strata.gate.run import Result

TEMPLATE = "report.html.j2"
#: How much of a log the page holds: its end; the whole is in the file.
MOST = 200_000
#: How much of it is shown at first where a check has failed.
LAST = 3_000
#: Colours and other controls of terminals, and what XML can't hold.
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\n\x20-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True)
class Report:
    """All that is known of a run."""

    given: str
    base: str
    head: str | None
    seconds: float
    results: Sequence[Result]
    notes: Sequence[str]
    catalogs: Mapping[str, Sequence[Group]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Passed if each check has passed."""
        well = all(result.verdict == Verdict.PASSED for result in self.results)
        return Verdict.PASSED if well else Verdict.FAILED

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "range": self.given,
            "base": self.base,
            "head": self.head,
            "verdict": self.verdict,
            "seconds": round(self.seconds, 1),
            "notes": list(self.notes),
            "catalogs": {inventory: data(found) for inventory, found in self.catalogs.items()},
            "checks": [
                {
                    "name": result.check.name,
                    "why": list(result.check.why),
                    "verdict": result.verdict,
                    "seconds": round(result.seconds, 1),
                    "passed": result.count.passed,
                    "failed": len(result.count.failures),
                    "skipped": result.count.skipped,
                    "log": shown(result.log),
                }
                for result in self.results
            ],
        }

    def write(self, folder: Path) -> None:
        """Write report.json, junit.xml and report.html into a folder, each as a whole."""
        _write(folder / "report.json", json.dumps(self.as_json(), indent=1) + "\n")
        unfinished = folder / "unfinished.xml"
        _junit(self).write(str(unfinished))
        unfinished.replace(folder / "junit.xml")
        _write(folder / "report.html", _html(self))


def text_of(log: Path, most: int = MOST) -> str:
    """Return the end of a log without what a page or XML can't show."""
    with log.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - most))
        text = stream.read().decode(errors="replace")
    start = f"... {size - most} bytes before this are in {log.name}\n" if size > most else ""
    return start + clean(text)


def clean(text: str) -> str:
    """Return a text without the controls of terminals."""
    return CONTROLS.sub("", text.replace("\r\n", "\n"))


def _html(report: Report) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"log": text_of, "clean": clean, "total": total, "lines": lines}
    return environment.get_template(TEMPLATE).render(report=report, LAST=LAST)


def _junit(report: Report) -> JUnitXml:
    xml = JUnitXml("strata gate")
    for result in report.results:
        suite = TestSuite(clean(result.check.name))
        for case in result.cases:
            made = TestCase(clean(case.name), suite.name, case.seconds)
            if case.outcome == "failed":
                flaky = "flaky: passed when it was tried again. " if result.verdict == Verdict.FLAKY else ""
                made.result = [Failure(f"{flaky}See {shown(result.log)}")]
            elif case.outcome == "skipped":
                made.result = [Skipped()]
            suite.add_testcase(made)
        if result.verdict == Verdict.NOT_RUN:
            unrun = TestCase(suite.name, suite.name, 0)
            unrun.result = [Skipped("not run")]
            suite.add_testcase(unrun)
        suite.time = round(result.seconds, 1)
        xml.add_testsuite(suite)
    return xml


def _write(path: Path, text: str) -> None:
    whole.write(path, text.encode(errors="replace"), 0o644)


def summary(change: Change) -> str:
    """Return what was judged as one line."""
    tip = change.tip[:12] if change.tip else "the files as they stand"
    files = "1 file" if len(change.paths) == 1 else f"{len(change.paths)} files"
    return f"{change.base[:12]}..{tip}: {files} changed"
