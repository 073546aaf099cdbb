"""Plans as a page: which hosts are in which state, and what of them is shown."""

from __future__ import annotations

from strata.page.write import Entry, Group, State
from strata.plan.page import page
from strata.plan.result import Finding, HostPlan

CHANGE = Finding("change", "a.yml:1", "httpd", "Serve", ("reload",), "--- a\n+++ b\n")
FAILED = Finding("failed", "a.yml:2", "", "Try", ("no",))
UNKNOWN = Finding("unknown", "a.yml:3", "apt", "Ask", ("a fact",))


def test_states_and_entries() -> None:
    plans = [
        HostPlan("b", (CHANGE, UNKNOWN)),
        HostPlan("a", (CHANGE, UNKNOWN)),
        HostPlan("c", (UNKNOWN,)),
        HostPlan("d", (CHANGE, FAILED)),
        HostPlan("e", wrong="it does not answer"),
        HostPlan("f"),
    ]
    change = Entry("~", "httpd: Serve", "a.yml:1", ("reload", "--- a", "+++ b"))
    unknown = Entry("?", "apt: Ask", "a.yml:3", ("a fact",))
    assert set(page(plans, "Plan").groups) == {
        Group(State.CHANGE, ("a", "b"), (change, unknown)),
        Group(State.UNKNOWN, ("c",), (unknown,)),
        Group(State.FAILED, ("d",), (change, Entry("!", "Try", "a.yml:2", ("no",)))),
        Group(State.FAILED, ("e",), (Entry("!", "the host could not be asked", "", ("it does not answer",)),)),
        Group(State.SAME, ("f",)),
    }
