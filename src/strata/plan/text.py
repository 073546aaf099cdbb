"""Plans as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.plan.result import groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strata.plan.result import Finding, HostPlan

#: What stands before each finding, by its state.
MARKS = {"change": "~", "failed": "!", "unknown": "?"}

INDENT = " " * 6


def lines(plans: Sequence[HostPlan], *, diff: bool = False) -> Iterator[str]:
    """Give the lines that show plans: hosts with equal differences together, and in one line those that are right.

    Args:
        plans: those of all hosts.
        diff: whether to show what would change in files.

    """
    for group in groups([plan for plan in plans if plan.wrong or plan.having("change", "failed")], diff=diff):
        yield f"{', '.join(plan.host for plan in group)}:"
        for finding in group[0].having("change", "failed"):
            yield from _finding(finding, diff=diff)
        if group[0].wrong:
            yield f"  {MARKS['failed']} {printable(group[0].wrong)}"
        yield ""
    yield from _unknown(plans)
    right = [plan.host for plan in plans if not plan.findings and not plan.wrong]
    if right:
        yield f"Nothing to do: {', '.join(right)}"
    yield total(plans)


def _finding(finding: Finding, *, diff: bool) -> Iterator[str]:
    role = f"{finding.role}: " if finding.role else ""
    yield f"  {MARKS[finding.state]} {role}{printable(finding.name)} ({finding.place})"
    shown = [*finding.lines, *(finding.diff.splitlines() if diff else ())]
    for line in shown:
        yield INDENT + printable(line)


def _unknown(plans: Sequence[HostPlan]) -> Iterator[str]:
    hosts: dict[Finding, list[str]] = {}
    for plan in plans:
        for finding in plan.having("unknown"):
            hosts.setdefault(finding, []).append(plan.host)
    if hosts:
        yield "Only a run of Ansible tells:"
        for finding, names in hosts.items():
            yield from _finding(finding, diff=False)
            yield f"{INDENT}on {', '.join(names)}"
        yield ""


def total(plans: Sequence[HostPlan]) -> str:
    """Return the line that sums plans up."""
    changing = [plan for plan in plans if plan.having("change")]
    changes, unknown, failed = (
        sum(len(plan.having(state)) for plan in plans) for state in ("change", "unknown", "failed")
    )
    lost = sum(bool(plan.wrong) for plan in plans)
    asked, calls = (sum(getattr(plan, name) for plan in plans) for name in ("asked", "calls"))
    found = [f"{changes} to change on {len(changing)} of {_count(len(plans), 'host')}"]
    found += [f"{count} {what}" for count, what in ((unknown, "unknown"), (failed, "failed")) if count]
    found += [f"{_count(lost, 'host')} without a plan"] if lost else []
    return f"Plan: {', '.join(found)}; {_count(asked, 'resource')} asked for in {_count(calls, 'remote call')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Return a line that a host has written, without what would do something to a terminal."""
    return "".join(each if each.isprintable() or each == "\t" else "?" for each in text)
