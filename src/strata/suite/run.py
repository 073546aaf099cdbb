"""Running parts of the suite beside each other, once or again and again."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.paths import REPORTS
from strata.suite.beside import work_beside
from strata.suite.cases import Case, Count, count, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strata.suite.parts import Part

#: Parts that run at the same time: three keep two cores busy, as each waits for its hosts a third of the time.
AT_ONCE = 3

#: How much of a failed part's log is shown.
LAST_LINES = 80


@dataclass(frozen=True)
class PartResult:
    """A part that was run: its cases in order, and the seconds that it took."""

    part: Part
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0

    @property
    def count(self) -> Count:
        """How many of the cases passed, failed and were skipped."""
        return count(self.cases)


def run(parts: Sequence[Part], say: Callable[[str], None]) -> list[PartResult]:
    """Run parts of the suite and return their results.

    Args:
        parts: what to run.
        say: gets each one's begin and end, and why it failed.

    Raises:
        Interrupted: a signal has come; the hosts of parts that had begun are removed.

    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    by_name = {part.name: part for part in parts}
    works = {part.name: lambda part=part: _run(part, say) for part in parts}
    return work_beside(works, AT_ONCE, say, lambda name: by_name[name].sandboxes)


def run_again(parts: Sequence[Part], times: int, say: Callable[[str], None]) -> list[list[PartResult]]:
    """Run parts as often as `times` says, one round after another, and return the results of each round.

    Reports and logs of a part that failed are kept beside those of the rounds that follow. Raises Interrupted.
    """
    rounds = []
    for number in range(1, times + 1):
        say(f"round {number} of {times}")
        rounds.append(run(parts, say))
        for part in (result.part for result in rounds[-1] if result.count.failures):
            for file in (part.report, part.log):
                if file.exists():
                    kept = file.with_stem(f"{file.stem}-{number}of{times}")
                    shutil.copyfile(file, kept)
                    say(f"kept {os.path.relpath(kept)}")
    return rounds


def _run(part: Part, say: Callable[[str], None]) -> PartResult:
    say(f"{part.name} ...")
    part.report.unlink(missing_ok=True)
    start = time.monotonic()
    try:
        cases = _cases(part, part.run(part.report, part.log))
    except (OSError, StrataError) as error:  # the other parts have begun, and go on
        cases = [Case(f"{part.name}: {error}", "failed")]
    result = PartResult(part, cases, time.monotonic() - start)
    say(f"{part.name}: {result.count} ({result.seconds:.0f} s)")
    if result.count.failures and part.log.exists():
        lines = part.log.read_text(errors="replace").splitlines()
        say("\n".join([f"the end of {os.path.relpath(part.log)}:", *(f"  {line}" for line in lines[-LAST_LINES:])]))
    return result


def _cases(part: Part, code: int) -> list[Case]:
    """Return the cases of a part that has ended with an exit code, and what is wrong with it beside them."""
    cases = read(part.report, strict="CI" in os.environ, hosts=part.hosts())
    found = count(cases)
    if code and not found.failures:
        cases.append(Case(f"{part.name}: ended with exit code {code}, see {os.path.relpath(part.log)}", "failed"))
    if not code and not found.passed:
        cases.append(Case(f"{part.name}: no test was run", "failed"))
    return cases
