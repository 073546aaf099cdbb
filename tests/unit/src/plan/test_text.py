"""Plans as people and programs read them, made of what modules said."""

from __future__ import annotations

import json
from typing import Any

from strata.catalog.resource import Catalog, Resource
from strata.plan.ask import Answers
from strata.plan.result import HostPlan, host_plan
from strata.plan.text import lines


def resource(name: str, **more: Any) -> Resource:
    place = {"action": "copy", "role": "web", "file": "roles/web/tasks/main.yml", "line": 5}
    return Resource(**{"module": "ansible.builtin.copy", "args": {}, "name": name, **place, **more})


def planned(*told: tuple[Resource, dict[str, Any] | None], host: str = "web01", wrong: str = "") -> HostPlan:
    catalog = Catalog(host, "", "2.21.0", tuple(each for each, _ in told), secrets=("hunter22",))
    results = [result for _, result in told if result is not None]
    return host_plan(catalog, Answers(dict(enumerate(results)), wrong, 1, 0.5))


def shown(*plans: HostPlan, diff: bool = False) -> str:
    return "\n".join(lines(plans, diff=diff)) + "\n"


RIGHT = {"changed": False}
CHANGED = {"changed": True, "changes": ["replaced /etc/motd"]}


def test_hosts_with_equal_differences_are_one_group() -> None:
    hosts = [planned((resource("a"), CHANGED), host=f"web0{number}") for number in (1, 2)]
    other = planned((resource("a"), CHANGED), (resource("b", item="x"), {"changed": True}), host="web03")
    right = [planned((resource("a"), RIGHT), host=name) for name in ("db01", "db02")]
    assert shown(*hosts, other, *right) == (
        "web01, web02:\n"
        "  ~ web: a (roles/web/tasks/main.yml:5)\n"
        "      replaced /etc/motd\n"
        "\n"
        "web03:\n"
        "  ~ web: a (roles/web/tasks/main.yml:5)\n"
        "      replaced /etc/motd\n"
        "  ~ web: b (x) (roles/web/tasks/main.yml:5)\n"
        "\n"
        "Nothing to do: db01, db02\n"
        "Plan: 4 to change on 3 of 5 hosts; 6 resources asked for in 5 remote calls\n"
    )


def test_what_has_no_plan_is_named_and_counted() -> None:
    failing = planned((resource("a"), {"failed": True, "msg": "no such user\nTraceback (most recent call last):"}))
    gone = HostPlan("web02", wrong="unreachable: Connection refused")
    half = planned((resource("a"), RIGHT), (resource("b"), None), host="web03", wrong="it stopped")
    assert shown(failing, gone, half) == (
        "web01:\n"
        "  ! web: a (roles/web/tasks/main.yml:5)\n"
        "      no such user\n"
        "\n"
        "web02:\n"
        "  ! unreachable: Connection refused\n"
        "\n"
        "web03:\n"
        "  ! it stopped\n"
        "\n"
        "Plan: 0 to change on 0 of 3 hosts, 1 failed, 2 hosts without a plan; 3 resources asked for in 2 remote calls\n"
    )
    assert all(plan.failed for plan in (failing, gone, half))


def test_what_only_a_run_tells() -> None:
    told = (
        (resource("a", unknown=("the fact os is not recorded",)), None),
        (resource("b", reason="it must be run by Ansible to know"), None),
        (resource("c", delegate_to="db01"), None),
        (resource("d", check_mode=False), None),
        (resource("e"), {"skipped": True, "msg": "no check mode"}),
        (resource("f", ignore_errors=True), {"failed": True, "msg": "broken"}),
        (resource("g", changed=False, check_mode=False), {"skipped": True}),
    )
    plan = planned(*told)
    assert [(each.state, each.name, each.lines[0]) for each in plan.findings] == [
        ("unknown", "a", "the fact os is not recorded"),
        ("unknown", "b", "it must be run by Ansible to know"),
        ("unknown", "c", "it runs on db01, so only Ansible knows"),
        ("unknown", "d", "it is run for real in check mode (check_mode: false), so only Ansible knows"),
        ("unknown", "e", "no check mode"),
        ("unknown", "f", "broken"),
    ]
    assert not plan.failed
    text = shown(plan, planned(told[0], host="web02"))
    assert text.startswith(
        "Only a run of Ansible tells:\n"
        "  ? web: a (roles/web/tasks/main.yml:5)\n"
        "      the fact os is not recorded\n"
        "      on web01, web02\n"
    )
    assert "Nothing to do" not in text
    assert "Plan: 0 to change on 0 of 2 hosts, 7 unknown; 3 resources asked for in 2 remote calls\n" in text


def test_secrets_are_hidden() -> None:
    diff = {"before": "password=hunter22\n", "after": "password=other\n", "before_header": "/etc/hunter22"}
    changed = {"changed": True, "changes": ["hunter22 written"], "diff": [diff]}
    plan = planned(
        (resource("a hunter22"), changed),
        (resource("b"), {"failed": True, "msg": "hunter22 is wrong"}),
        (resource("c", no_log=True), {"changed": True, "changes": ["something else"], "diff": diff}),
        (resource("d", no_log=True), {"failed": True, "msg": "something else"}),
        wrong="it said hunter22",
    )
    for text in (shown(plan, diff=True), json.dumps(plan.data())):
        assert "hunter22" not in text
        assert "something else" not in text
    assert "-password=(secret)" in shown(plan, diff=True)


def test_differences_of_files() -> None:
    before, after = "".join(f"{number}\n" for number in range(20)), "".join(f"{number}\n" for number in range(1, 20))
    diff = {"before": before, "after": after, "after_header": "/etc/numbers"}
    states = {"before": {"mode": "0644"}, "after": {"mode": "0600"}}
    plan = planned((resource("a"), {"changed": True, "diff": [diff, {"prepared": "as it is\n"}, states]}))
    assert "0\n" not in shown(plan).partition("Plan")[0].splitlines()
    assert shown(plan, diff=True).partition("\n\n")[0].splitlines()[2:] == [
        f"      {line}"
        for line in (
            *("--- before", "+++ /etc/numbers", "@@ -1,4 +1,3 @@", "-0", " 1", " 2", " 3", "as it is"),
            *("--- before", "+++ after", "@@ -1 +1 @@", "-mode: 0644", "+mode: 0600"),
        )
    ]


def test_hosts_that_differ_only_in_the_difference() -> None:
    hosts = [
        planned((resource("a"), {**CHANGED, "diff": {"before": "", "after": name}}), host=name)
        for name in ("web01", "web02")
    ]
    assert shown(*hosts).startswith("web01, web02:\n")
    assert shown(*hosts, diff=True).startswith("web01:\n")


def test_results_that_are_not_what_modules_say() -> None:
    """Of a host that says what it likes, even to the terminal."""
    odd: list[dict[str, Any]] = [
        {"changed": "yes", "changes": 7, "diff": "text"},
        {"changed": 1, "changes": ["\x1b[31mred\rblack"], "diff": [7, {"before": ["a"], "after": None}]},
        {"failed": "true", "msg": {"a": "dictionary"}, "exception": ["odd"]},
        {"failed": True, "exception": {"event": {"msg": "it is broken"}}},
        {"failed": True},
    ]
    plan = planned(*((resource("a"), each) for each in odd))
    text = shown(plan, diff=True)
    assert text.isprintable() is False  # it has lines
    assert all(line.isprintable() for line in text.splitlines())
    assert "?[31mred?black" in text
    assert [each.lines[0] for each in plan.having("failed")] == [
        "{'a': 'dictionary'}",
        "it is broken",
        "it fails and does not say why",
    ]
