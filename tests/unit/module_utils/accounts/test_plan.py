"""Accounts: what conflicts with a host, and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.accounts import plan
from ansible.module_utils.strata.accounts.declared import check_root_keys
from ansible.module_utils.strata.accounts.homes import Home
from ansible.module_utils.strata.accounts.host import Account, Actual, HostGroup
from ansible.module_utils.strata.errors import StrataError

from .sample import HASH, KEY, OTHER, declare

if TYPE_CHECKING:
    from ansible.module_utils.strata.accounts.declared import Declared

ALICE = Account("alice", 2001, 2001, "Alice", "/home/alice", "/bin/bash", "*")
HOME = Home(mode=0o700)
GROUPS = {"sudo": HostGroup(27), "alice": HostGroup(2001)}


def steps(declared: Declared, actual: Actual, **options: Any) -> list[plan.Step]:
    return plan.plan(declared, actual, **{"end_processes": True, **options})


def what(declared: Declared, actual: Actual, **options: Any) -> list[str]:
    return [step.what for step in steps(declared, actual, **options)]


def host(account: Account | None = ALICE, home: Home = HOME, **more: Any) -> Actual:
    found = {account.name: account} if account else {}
    return Actual(found, {**GROUPS, **more.pop("groups", {})}, homes={"alice": home}, **more)


def test_a_new_user_is_made_with_everything() -> None:
    declared = declare({"keys": [KEY], "groups": ["sudo"]}, passwords={"alice": HASH})
    actual = Actual({}, {"sudo": HostGroup(27)}, homes={"alice": Home()})
    planned = steps(declared, actual)
    assert [step.what for step in planned] == [
        "group alice",
        "user alice",
        "home /home/alice",
        "password of alice",
        "keys of alice",
    ]
    assert planned[0].command == ("groupadd", "--gid", "2001", "alice")
    assert planned[1].command[:3] == ("useradd", "--no-create-home", "--no-user-group")
    assert planned[3].command == ("chpasswd", "--encrypted")
    assert planned[3].data == f"alice:{HASH}\n"
    assert HASH not in repr(planned)


def test_nothing_is_left_to_do() -> None:
    assert steps(declare({}), host()) == []


@pytest.mark.parametrize(
    ("user", "account", "command"),
    [
        ({"comment": "A"}, ALICE, ("--comment", "A")),
        ({"comment": ""}, ALICE, ("--comment", "")),
        ({"shell": "/bin/sh"}, ALICE, ("--shell", "/bin/sh")),
        ({"home": "/srv/alice"}, ALICE, ("--home", "/srv/alice")),
        ({"groups": ["sudo"]}, ALICE, ("--groups", "sudo")),
        ({"group": "sudo"}, ALICE, ("--gid", "sudo")),
        ({}, Account("alice", 2001, 2001, "Alice", "/home/alice", "/bin/bash", "*", "1"), ("--expiredate", "")),
    ],
)
def test_what_differs_is_changed_and_nothing_else(
    user: dict[str, Any], account: Account, command: tuple[str, ...]
) -> None:
    (step,) = steps(declare(user), host(account))
    assert step.command == ("usermod", *command, "alice")
    assert step.before != step.after


def test_groups_that_are_not_declared_are_left() -> None:
    (step,) = steps(declare({}), host(groups={"sudo": HostGroup(27, frozenset({"alice"}))}))
    assert step.command == ("usermod", "--groups", "", "alice")


@pytest.mark.parametrize(
    ("now", "declared", "recorded", "command"),
    [
        ("*", None, {}, None),
        ("$y$own", None, {}, None),
        ("$y$own", None, {"alice": True}, "usermod"),
        ("!$y$own", None, {}, "usermod"),
        ("", None, {}, "usermod"),
        (HASH, HASH, {}, None),
        (f"!{HASH}", HASH, {}, "chpasswd"),
        ("*", HASH, {}, "chpasswd"),
    ],
)
def test_passwords(now: str, declared: str | None, recorded: dict[str, bool], command: str | None) -> None:
    account = Account("alice", 2001, 2001, "Alice", "/home/alice", "/bin/bash", now)
    wanted = declare({}, passwords={"alice": declared} if declared else {})
    planned = steps(wanted, host(account, recorded=recorded))
    assert [step.command[0] for step in planned] == ([command] if command else [])
    assert not any("$y$" in text for step in planned for text in (step.before, step.after, *step.command))


def test_a_home_of_another_mode_is_changed_only_if_a_mode_is_declared() -> None:
    assert what(declare({}), host(home=Home(mode=0o755))) == []
    assert what(declare({"home_mode": "0750"}), host(home=Home(mode=0o755))) == ["home /home/alice"]


def test_keys_that_are_not_declared_go() -> None:
    assert what(declare({}), host(home=Home(0o700, b"ssh-ed25519 x\n"))) == ["keys of alice"]
    assert what(declare({}), host(home=Home(0o700, None, ("authorized_keys2",)))) == ["keys of alice"]


def test_who_is_disabled_loses_everything_but_the_home() -> None:
    actual = host(
        home=Home(0o700, b"key"), processes={"alice": 2}, groups={"sudo": HostGroup(27, frozenset({"alice"}))}
    )
    planned = steps(declare({"state": "disabled", "keys": [KEY]}), actual)
    assert [step.what for step in planned] == ["user alice disabled", "processes of alice", "keys of alice"]
    assert [step.urgent for step in planned] == [False, True, True]
    words = ("--lock", "--expiredate", "1", "--shell", "/usr/sbin/nologin", "--groups", "")
    assert planned[0].command == ("usermod", *words, "alice")
    assert what(declare({"state": "disabled"}), actual, end_processes=False) == ["user alice disabled", "keys of alice"]


DEAD = Home(obstacle="cannot be read: Input/output error")


def test_a_home_that_cannot_be_read_keeps_nobody_in() -> None:
    actual = host(home=DEAD, processes={"alice": 1})
    leaver = declare({"state": "disabled"})
    assert plan.conflicts(leaver, actual, end_processes=True, check_mode=False) == []
    assert what(leaver, actual) == ["user alice disabled", "processes of alice"]
    said = "alice (accounts_users): is disabled, but keys may be left in the home /home/alice: it cannot be read: Input"
    undone, (unknown,) = plan.out_of_reach(leaver, actual)
    assert (undone, unknown.startswith(said)) == ([], True)
    assert what(declare({"state": "absent"}), host(home=DEAD)) == ["user alice disabled", "user alice removed"]
    assert plan.out_of_reach(declare({"state": "absent"}), actual) == ([], [])


def test_a_home_that_cannot_be_read_is_not_removed_and_its_user_only_disabled() -> None:
    leaver = declare({"state": "absent", "remove_home": True})
    actual = host(home=DEAD, processes={"alice": 1})
    assert plan.conflicts(leaver, actual, end_processes=True, check_mode=False) == []
    assert what(leaver, actual) == ["user alice disabled", "processes of alice"]
    (undone,), unknown = plan.out_of_reach(leaver, actual)
    assert "is disabled, not removed, as the home /home/alice cannot be read" in undone
    assert unknown == []


@pytest.mark.parametrize(
    ("user", "fails"),
    [
        ({}, True),
        ({"create_home": False}, False),
        ({"create_home": False, "keys": [KEY]}, True),
        ({"create_home": False, "home_mode": "0750"}, True),
    ],
)
def test_a_home_that_cannot_be_read_is_left_alone_and_named(user: dict[str, Any], fails: bool) -> None:
    wanted = declare(user | {"comment": "A"})
    actual = host(home=DEAD)
    assert plan.conflicts(wanted, actual, end_processes=True, check_mode=False) == []
    assert what(wanted, actual) == ["user alice"]
    undone, unknown = plan.out_of_reach(wanted, actual)
    assert (len(undone), len(unknown)) == ((1, 0) if fails else (0, 1))
    assert "the home /home/alice cannot be read: Input/output error" in (undone + unknown)[0]


DISABLED = Account("alice", 2001, 2001, "Alice", "/home/alice", "/usr/sbin/nologin", "!*", "1")


def test_who_is_disabled_stays_so_and_comes_back_without_a_lock() -> None:
    assert steps(declare({"state": "disabled"}), host(DISABLED)) == []
    back = steps(declare({"keys": [KEY]}), host(DISABLED))
    assert [step.what for step in back] == ["user alice", "password of alice", "keys of alice"]
    assert back[0].command == ("usermod", "--shell", "/bin/bash", "--expiredate", "", "alice")
    assert back[1].command == ("usermod", "--password", "*", "alice")


def test_nobody_is_made_to_be_disabled_or_absent() -> None:
    for state in ("disabled", "absent"):
        assert steps(declare({"state": state}), host(None)) == []


def test_who_is_absent_is_removed_and_the_home_if_asked() -> None:
    assert what(declare({"state": "absent"}), host()) == ["user alice disabled", "user alice removed"]
    assert what(declare({"state": "absent"}), host(DISABLED)) == ["user alice removed"]
    left = host(DISABLED, jobs={"alice": ["/var/spool/cron/crontabs/alice"]})
    assert what(declare({"state": "absent"}), left) == ["jobs of alice removed", "user alice removed"]
    assert what(declare({"state": "absent", "remove_home": True}), host(processes={"alice": 1})) == [
        "user alice disabled",
        "processes of alice",
        "home /home/alice removed",
        "user alice removed",
    ]


def test_shadow_lines_that_a_killed_tool_left_out_are_completed() -> None:
    account = Account("alice", 2001, 2001, "Alice", "/home/alice", "/bin/bash", None)
    actual = host(account, groups={"alice": HostGroup(2001, shadowed=False)})
    commands = [step.command for step in steps(declare({}), actual)]
    assert commands == [("pwconv",), ("grpconv",), ("usermod", "--password", "*", "alice")]


@pytest.mark.parametrize(
    ("user", "actual", "message"),
    [
        ({}, host(Account("bob", 2001, 1, "", "/", "/bin/sh")), "the uid 2001 belongs to bob on this host"),
        ({}, host(Account("alice", 1500, 1, "", "/", "/bin/sh")), "has the uid 1500 on this host, not 2001"),
        ({"state": "absent"}, host(Account("alice", 1500, 1, "", "/", "/bin/sh")), "has the uid 1500 on this host"),
        ({}, host(Account("alice", 2001, 1, "", "/", "/bin/sh", local=False)), "an account of a directory service"),
        ({}, host(None, groups={"web": HostGroup(2001)}), "the number 2001 belongs to the group web"),
        ({}, host(None, groups={"alice": HostGroup(999)}), "its number on this host is 999, not 2001"),
        ({}, host(home=Home(problem="belongs to uid 0")), "the home /home/alice belongs to uid 0"),
        ({"groups": ["docker"]}, host(), "there is no group docker on this host"),
        ({"shell": "/bin/zsh"}, host(no_shells=frozenset({"/bin/zsh"})), "there is no shell /bin/zsh on this host"),
        ({"keys": [KEY], "create_home": False}, host(home=Home()), "there is no home /home/alice on this host"),
        ({"state": "absent"}, host(processes={"alice": 1}), "still runs processes"),
        (
            {"create_home": False},
            host(home=Home(problem="belongs to uid 0", strays=("authorized_keys",))),
            "the home /home/alice belongs to uid 0; its authorized_keys may let somebody in",
        ),
        (
            {"home": "/srv/alice"},
            host(processes={"alice": 1}),
            "runs processes, so the home cannot become /srv/alice instead of /home/alice",
        ),
        (
            {"state": "absent", "remove_home": True},
            host(home=Home(problem="belongs to uid 0")),
            "the home /home/alice belongs to uid 0",
        ),
    ],
)
def test_conflicts_with_the_host(user: dict[str, Any], actual: Actual, message: str) -> None:
    found = plan.conflicts(declare(user), actual, end_processes=False, check_mode=False)
    assert any(message in line and "alice (accounts_users): " in line.replace("group ", "") for line in found), found


def test_what_does_no_harm_is_no_conflict() -> None:
    for user, actual in (
        ({"create_home": False}, host(home=Home(problem="belongs to uid 0"))),
        ({"comment": "A"}, host(processes={"alice": 1})),
    ):
        assert plan.conflicts(declare(user), actual, end_processes=False, check_mode=False) == []


def test_what_an_earlier_task_may_bring_is_no_conflict_in_check_mode() -> None:
    declared = declare({"groups": ["docker"], "shell": "/bin/zsh", "keys": [KEY], "create_home": False})
    actual = host(home=Home(), no_shells=frozenset({"/bin/zsh"}))
    assert plan.conflicts(declared, actual, end_processes=True, check_mode=True) == []
    assert len(plan.conflicts(declared, actual, end_processes=True, check_mode=False)) == 3


def test_who_was_kept_and_is_no_longer_declared_is_named_and_disabled_by_choice() -> None:
    actual = host(recorded={"alice": True, "gone": False})
    assert plan.undeclared(declare(), actual) == ["alice"]
    assert steps(declare(), actual) == []
    leavers = plan.with_leavers(declare(), actual)
    assert what(leavers, actual) == ["user alice disabled"]
    assert plan.record(leavers, actual) == {"alice": True}


def test_the_record() -> None:
    actual = host(recorded={"alice": True, "gone": True})
    assert plan.record(declare({}), actual) == {"alice": False}
    assert plan.record(declare({}, passwords={"alice": HASH}), actual) == {"alice": True}
    assert plan.record(declare({"state": "disabled"}), actual) == {"alice": True}
    assert plan.record(declare({"state": "absent"}), actual) == {}
    assert plan.record(declare(), host()) == {}


NOW = Home(0o700, KEY.encode())


@pytest.mark.parametrize(
    ("lines", "home", "message"),
    [
        ([], NOW, "accounts_root_keys is empty"),
        ([], Home(0o700), "accounts_root_keys is empty"),
        ([f"ssh-ed25519 {OTHER}"], NOW, "none of the keys that root has"),
        ([f"ssh-ed25519 {OTHER}"], Home(0o700, None, ("authorized_keys2",)), "none of the keys that root has"),
    ],
)
def test_root_is_not_locked_out_by_mistake(lines: list[str], home: Home, message: str) -> None:
    wanted = check_root_keys(lines)
    with pytest.raises(StrataError, match=message):
        plan.root_keys(wanted, "/root", home, replace_all=False)
    assert len(plan.root_keys(wanted, "/root", home, replace_all=True)) == 1
    with pytest.raises(StrataError, match="the home /root cannot be read"):
        plan.root_keys(wanted, "/root", DEAD, replace_all=True)


def test_root_keys_are_left_alone_or_changed_step_by_step() -> None:
    assert plan.root_keys(None, "/root", NOW, replace_all=False) == []
    both = check_root_keys([KEY, f"ssh-ed25519 {OTHER}"])
    assert len(plan.root_keys(both, "/root", NOW, replace_all=False)) == 1
    assert len(plan.root_keys(check_root_keys([KEY]), "/root", Home(0o700), replace_all=False)) == 1


def test_a_new_home_is_its_users_alone_unless_it_is_declared_otherwise() -> None:
    actual = Actual({}, {"sudo": HostGroup(27)}, homes={"alice": Home()})
    for mode, shown in ((None, "0700"), ("0750", "0750")):
        (home,) = (step for step in steps(declare({"home_mode": mode}), actual) if step.what == "home /home/alice")
        assert home.after == f"mode {shown}\n"
        assert home.call.args[-1] == int(shown, 8)
