"""Carrying out the checks of a plan beside each other, within their time limits, and what became of each."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Event, Lock
from typing import TYPE_CHECKING

from strata import processes
from strata.errors import StrataError
from strata.gate.plan import LIMITS, What
from strata.gate.session import Session, StoppedError, TimeUpError
from strata.gate.steps import carry_out
from strata.suite.beside import work_beside
from strata.suite.cases import Case, Count, count
from strata.suite.run import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from strata.gate.plan import Check
    from strata.gate.trees import Trees

#: How much of the log of a check that failed is shown.
LAST_LINES = 40


class Verdict(StrEnum):
    """What became of a check; one that is flaky failed first and passed then."""

    PASSED = "passed"
    FAILED = "failed"
    FLAKY = "flaky"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Result:
    """A check with its verdict: that of a second try never hides the first one's failures."""

    check: Check
    verdict: Verdict
    seconds: float
    cases: list[Case]
    log: Path

    @property
    def count(self) -> Count:
        """How many of the cases passed, failed and were skipped."""
        return count(self.cases)


@dataclass
class Gate:
    """Carries out checks; `first` ends them all when one fails, `patience` multiplies the time limits."""

    trees: Trees
    reports: Path
    say: Callable[[str], None]
    first: bool = False
    patience: float = 1
    _stop: Event = field(default_factory=Event)
    _sandboxes: dict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))

    def run(self, checks: Sequence[Check]) -> list[Result]:
        """Carry out checks and return what became of them, in their order.

        Raises:
            Interrupted: a signal has come; the hosts of checks that had begun are removed.

        """
        works = {check.name: lambda check=check: self._do(check) for check in checks}
        sandboxes = {check.name: check.sandboxes for check in checks}
        return work_beside(works, AT_ONCE, self.say, lambda name: sandboxes[name])

    def _do(self, check: Check) -> Result:
        """Carry out a check, twice if it failed and may pass then; checks of one sandbox wait for each other."""
        log = self.reports / f"{re.sub(r'[^A-Za-z0-9_.]+', '-', check.name)}.log"
        log.unlink(missing_ok=True)
        log.touch()
        with self._sandboxes[check.sandboxes[0] if check.sandboxes else check.name]:
            processes.check()
            if self._stop.is_set():
                return Result(check, Verdict.NOT_RUN, 0, [], log)
            self.say(f"{check.name} ...")
            start = time.monotonic()
            verdict, cases = self._judge(check, log)
        result = Result(check, verdict, time.monotonic() - start, cases, log)
        self.say(f"{check.name}: {verdict}, {result.count} ({result.seconds:.0f} s)")
        if verdict in {Verdict.FAILED, Verdict.FLAKY}:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
            failures = (f"  FAILED {name}" for name in result.count.failures)
            self.say("\n".join([*failures, f"  the end of {log.name}:", *(f"    {line}" for line in lines)]))
            if self.first:
                self._stop.set()
        return result

    def _judge(self, check: Check, log: Path) -> tuple[Verdict, list[Case]]:
        try:
            cases = self._try(check, log)
            if not count(cases).failures:
                return Verdict.PASSED, cases
            if not check.repeated or self.first:
                return Verdict.FAILED, cases
            self.say(f"{check.name}: failed, and is tried once more, to tell whether it is flaky")
            again = self._try(_again(check, cases), log)
        except StoppedError:
            return Verdict.NOT_RUN, []
        except TimeUpError as error:
            return Verdict.FAILED, [Case(f"{check.name}: {error}", "failed")]
        return Verdict.FAILED if count(again).failures else Verdict.FLAKY, cases

    def _try(self, check: Check, log: Path) -> list[Case]:
        session = Session(log, LIMITS[check.what] * self.patience, self._stop)
        try:
            return carry_out(check, self.trees, session)
        except (StoppedError, TimeUpError) as error:
            session.note(str(error))
            raise
        except StrataError as error:
            session.note(str(error))
            return [Case(f"{check.name}: {error}", "failed")]


def _again(check: Check, cases: Sequence[Case]) -> Check:
    """Return the check for a second try: of unit tests, only the files that have a failure."""
    failures = count(cases).failures
    modules = {path: path.removesuffix(".py").replace("/", ".") for path in check.paths}
    failed = [path for path, module in modules.items() if any(module in name for name in failures)]
    tests = check.what in {What.UNIT, What.OLDEST, What.TESTS_OF_BASE}
    return replace(check, paths=tuple(failed)) if tests and failed else check
