"""Plans as a page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.page.write import Entry, Group, Page, State
from strata.plan.result import groups
from strata.plan.text import MARKS, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strata.plan.result import Finding, HostPlan

LABELS = {
    State.FAILED: "failed",
    State.CHANGE: "to change",
    State.UNKNOWN: "only a run tells",
    State.SAME: "nothing to do",
}


def page(plans: Sequence[HostPlan], title: str) -> Page:
    """Return plans as a page shows them, with what would change in files."""
    return Page(title, total(plans), LABELS, tuple(_group(group) for group in groups(plans, diff=True)))


def _group(plans: Sequence[HostPlan]) -> Group:
    first = plans[0]
    state = next((state for state in (State.CHANGE, State.UNKNOWN) if first.having(state)), State.SAME)
    wrong = [Entry(MARKS["failed"], "the host could not be asked", "", (first.wrong,))] if first.wrong else []
    hosts = tuple(sorted(plan.host for plan in plans))
    return Group(State.FAILED if first.failed else state, hosts, (*wrong, *map(_entry, first.findings)))


def _entry(finding: Finding) -> Entry:
    role = f"{finding.role}: " if finding.role else ""
    lines = (*finding.lines, *finding.diff.splitlines())
    return Entry(MARKS[finding.state], f"{role}{finding.name}", finding.place, lines)
