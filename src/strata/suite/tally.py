"""How often each case passed in several rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strata.suite.run import PartResult


@dataclass(frozen=True)
class Tally:
    """What became of a case in all rounds; in a round in which it is missing it did not pass."""

    part: str
    name: str
    host: str
    times: int
    passed: int
    skipped: int

    @property
    def outcome(self) -> Literal["passed", "failed", "flaky"]:
        """Whether it always passed or was skipped, or never passed, or passed only at times."""
        if self.passed + self.skipped == self.times:
            return "passed"
        return "flaky" if self.passed else "failed"


def tally(rounds: Sequence[Sequence[PartResult]]) -> list[Tally]:
    """Count the outcomes of each case. One that is in a report twice, as an error may follow, has the worse outcome."""
    tried: dict[tuple[str, str, str], dict[int, set[str]]] = {}
    for number, results in enumerate(rounds):
        for result in results:
            for case in result.cases:
                outcomes = tried.setdefault((result.part.name, case.name, case.host), {})
                outcomes.setdefault(number, set()).add(case.outcome)
    return [
        Tally(
            *key,
            times=len(rounds),
            passed=sum(each == {"passed"} for each in outcomes.values()),
            skipped=sum(each == {"skipped"} for each in outcomes.values()),
        )
        for key, outcomes in tried.items()
    ]
