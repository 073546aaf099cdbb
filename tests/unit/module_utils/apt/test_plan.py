"""What is to do with packages: installed, configured, removed, held, released, or refused."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apt import plan
from ansible.module_utils.strata.apt.declared import parse_wishes
from ansible.module_utils.strata.apt.host import AptError, Host, Package
from ansible.module_utils.strata.errors import DeclarationError

from .sample import DPKG, HOST, wish


def lines(wanted=(), absent=(), host=HOST):
    return plan.make_plan(host, [wish(spec) for spec in wanted], [wish(spec) for spec in absent]).lines()


@pytest.mark.parametrize(
    ("wanted", "absent", "expected"),
    [
        ([], [], []),
        (["less", "awk", "locales", "tzdata"], ["telnet", "nosuch"], []),
        (["less:amd64", "awk:amd64", "locales:all", "libc6:i386"], [], []),
        (["nano", "telnet"], [], ["+ nano", "+ telnet"]),
        (["libc6"], [], ["+ libc6"]),
        (["less:i386"], [], ["+ less:i386"]),
        (["rsync"], [], ["~ rsync (unpacked)"]),
        ([], ["less", "rsync", "libc6"], ["- less", "- libc6:i386", "- rsync"]),
        ([], ["less:i386", "libc6:amd64", "awk"], []),
        ([], ["locales:amd64"], ["- locales"]),
        (["awk"], ["mawk"], ["+ awk", "- mawk"]),
    ],
)
def test_plan(wanted, absent, expected):
    assert lines(wanted, absent) == expected


def test_awaited_triggers_are_unfinished():
    assert lines(["less"], host=Host((DPKG, Package("iW ", "less", "amd64", "1")))) == ["~ less (awaiting triggers)"]


def test_half_installed_package_is_installed_anew_and_removed_when_absent():
    host = Host((DPKG, Package("iHR", "less", "amd64", "1")))
    assert lines(["less"], host=host) == ["+ less"]
    assert lines([], ["less"], host=host) == ["- less"]


def test_unfinished_package_that_two_names_mean_is_configured_once():
    host = Host((DPKG, Package("iF ", "mawk", "amd64", "1", frozenset({"awk"}))))
    assert lines(["awk", "mawk"], host=host) == ["~ mawk (half-configured)"]


@pytest.mark.parametrize(
    ("wanted", "absent"), [("less", "less"), ("less", "less:amd64"), ("less:amd64", "less"), ("x:i386", "x")]
)
def test_wanted_and_absent_is_an_error_with_both_origins(wanted, absent):
    with pytest.raises(DeclarationError, match=r"\(one\) is wanted, and .* \(two\) must be absent"):
        plan.make_plan(HOST, [wish(wanted, "one")], [wish(absent, "two")])


def test_other_architecture_may_be_absent():
    assert lines(["less"], ["less:i386"]) == []


def test_held_package_is_not_removed():
    with pytest.raises(AptError, match=r"tzdata \(two\) cannot be removed: the package is on hold"):
        plan.make_plan(HOST, [], [wish("tzdata", "two")])


def test_arguments_cannot_be_misread_by_apt():
    made = plan.make_plan(HOST, [wish("g++"), wish("nano")], [wish("less"), wish("libc6:i386")])
    assert made.arguments() == ["g+++", "nano", "less-", "libc6:i386-"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("less=668-1", []), ("less=668*", []), ("less=600-1", ["less=600-1"]), ("less=668-1+", ["less=668-1++"])],
)
def test_wanted_version_is_installed_if_it_is_another_one(spec, expected):
    wanted = parse_wishes([{"value": spec, "origin": ""}], versions=True)
    assert plan.make_plan(HOST, wanted, []).arguments() == expected


def test_version_of_a_virtual_package_is_nobodys():
    wanted = parse_wishes([{"value": "awk=1.3", "origin": ""}], versions=True)
    assert plan.make_plan(HOST, wanted, []).arguments() == ["awk=1.3"]


def test_holds_are_made_and_only_ours_released():
    holds = plan.plan_holds(HOST, [wish("less"), wish("tzdata"), wish("nosuch"), wish("telnet")], ["mawk"])
    assert holds == plan.Holds(("less",), ())
    assert not plan.plan_holds(HOST, [], [])
    holds = plan.plan_holds(HOST, [], ["tzdata", "less"])
    assert holds.lines() == ["= tzdata (no longer held)"]
    assert holds.selections() == "tzdata install\n"
    assert plan.make_plan(HOST.released(holds.release), [], [wish("tzdata")]).lines() == ["- tzdata"]
