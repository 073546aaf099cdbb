"""Running parts of the suite beside each other."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.paths import REPORTS
from strata.suite.cases import Count, count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strata.suite.parts import Part

#: Parts that run at the same time: three keep two cores busy, as each waits for its hosts a third of the time.
AT_ONCE = 3

#: How much of a failed part's log is shown.
LAST_LINES = 80


@dataclass(frozen=True)
class PartResult:
    """A part that was run: what it counted, and the seconds that it took."""

    part: Part
    count: Count
    seconds: float


def run(parts: Sequence[Part], say: Callable[[str], None]) -> list[PartResult]:
    """Run parts of the suite and return their results; `say` gets each one's begin and end, and why it failed."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda part: _run(part, say), parts))


def _run(part: Part, say: Callable[[str], None]) -> PartResult:
    say(f"{part.name} ...")
    part.report.unlink(missing_ok=True)
    start = time.monotonic()
    code = part.run(part.report, part.log)
    seconds = time.monotonic() - start
    found = count(part.report, strict="CI" in os.environ)
    if code and not found.failures:
        found.failures.append(f"{part.name}: ended with exit code {code}, see {os.path.relpath(part.log)}")
    if not code and not found.passed:
        found.failures.append(f"{part.name}: no test was run")
    say(f"{part.name}: {found} ({seconds:.0f} s)")
    if found.failures:
        lines = part.log.read_text(errors="replace").splitlines()
        say("\n".join([f"the end of {os.path.relpath(part.log)}:", *(f"  {line}" for line in lines[-LAST_LINES:])]))
    return PartResult(part, found, seconds)
