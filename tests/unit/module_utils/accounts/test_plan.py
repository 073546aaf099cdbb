"""host_accounts: what is refused in a declaration, what conflicts with a host, and the plan."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible.module_utils.strata.accounts import host as accounts_host
from ansible.module_utils.strata.accounts import plan
from ansible.module_utils.strata.accounts.declared import AccountsError, Declared, check, check_root_keys
from ansible.module_utils.strata.accounts.homes import Home
from ansible.module_utils.strata.accounts.plan import Account, Actual, HostGroup

BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"o" * 32).decode()
KEY = f"ssh-ed25519 {BLOB} alice"
HASH = f"$y$j9T${'s' * 22}${'h' * 43}"

USER = {
    "name": "alice",
    "uid": 2001,
    "state": "present",
    "comment": "Alice",
    "shell": "/bin/bash",
    "home": None,
    "home_mode": None,
    "create_home": True,
    "remove_home": False,
    "group": None,
    "groups": [],
    "keys": [],
    "origin": "accounts_users",
}
PARAMS: dict[str, Any] = {
    "known": [],
    "present": [],
    "admins": [],
    "admin_groups": ["sudo"],
    "passwords": {},
    "groups": [],
    "min_id": 2000,
}
ALICE = Account("alice", 2001, 2001, "Alice", "/home/alice", "/bin/bash", "*")
HOME = Home(mode=0o700)
GROUPS = {"sudo": HostGroup(27), "alice": HostGroup(2001)}


def declare(*users: dict[str, Any], **params: Any) -> Declared:
    return check(PARAMS | {"users": [USER | user for user in users]} | params)


def steps(declared: Declared, actual: Actual, **options: Any) -> list[plan.Step]:
    return plan.plan(declared, actual, **{"end_processes": True, **options})


def what(declared: Declared, actual: Actual, **options: Any) -> list[str]:
    return [step.what for step in steps(declared, actual, **options)]


def host(account: Account | None = ALICE, home: Home = HOME, **more: Any) -> Actual:
    found = {account.name: account} if account else {}
    return Actual(found, {**GROUPS, **more.pop("groups", {})}, homes={"alice": home}, **more)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"name": "Alice"}, "'Alice' is no name"),
        ({"name": "a\nb"}, r"'a\nb' is no name"),
        ({"name": "../etc"}, "'../etc' is no name"),
        ({"name": "a:b"}, "'a:b' is no name"),
        ({"name": "-a"}, "'-a' is no name"),
        ({"name": "a" * 33}, "is no name"),
        ({"uid": 1999}, "uid 1999 is below 2000"),
        ({"uid": 0}, "uid 0 is below 2000"),
        ({"uid": -1}, "uid -1 is below 2000"),
        ({"uid": 65534}, "uid 65534 is reserved"),
        ({"uid": 2**32 - 1}, "is reserved"),
        ({"comment": "a:b"}, "the comment must be one line without colons"),
        ({"comment": "a\nroot::0:0::/:/bin/sh"}, "the comment must be one line"),
        ({"home": "/home/../etc"}, "home '/home/../etc' must be the plain, absolute path"),
        ({"home": "home/alice"}, "home 'home/alice' must be"),
        ({"home": "/home/a:b"}, "home '/home/a:b' must be"),
        ({"home": "/home/a\n"}, "must be the plain, absolute path"),
        ({"home": "/"}, "home '/' must be"),
        ({"shell": "/bin/bash\nx"}, "must be the plain, absolute path"),
        ({"home_mode": "rwx"}, "home_mode 'rwx' must be octal"),
        ({"home_mode": "0775"}, "home_mode '0775' must be octal, such as '0700', and let nobody else write"),
        ({"group": "a b"}, "'a b' is no name of a group"),
        ({"groups": ["a,b"]}, "'a,b' is no name of a group"),
        ({"keys": ["ssh-ed25519 nonsense"]}, "key 1 is cut off or damaged"),
        ({"keys": [KEY, f"{KEY}\n{KEY}"]}, "key 2 has a line break"),
    ],
)
def test_a_hostile_or_wrong_user_is_refused(user: dict[str, Any], message: str) -> None:
    with pytest.raises(AccountsError) as refused:
        declare(user)
    assert message in str(refused.value)
    assert "(accounts_users): " in str(refused.value)


@pytest.mark.parametrize(
    "password", ["secret", "", "!", "*", "$1$salt$hash", f"{HASH}:0:0", f"{HASH}\nroot:x", f"!{HASH}", "$6$salt$short"]
)
def test_a_password_that_is_no_hash_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(AccountsError, match=r"^alice \(accounts_users\): the password is no hash") as refused:
        declare({}, passwords={"alice": password})
    assert len(password) < 3 or password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    [
        HASH,
        f"$6$rounds=5000$salt${'h' * 86}",
        f"$6$saltsalt${'h' * 86}",
        f"$5$saltsalt${'h' * 43}",
        f"$2b$12${'h' * 53}",
    ],
)
def test_hashes_are_taken(password: str) -> None:
    assert declare({}, passwords={"alice": password}).users["alice"].password == password


@pytest.mark.parametrize(
    ("users", "params", "message"),
    [
        ([{}, {"name": "bob"}], {}, "alice and bob are both declared with the uid 2001"),
        ([{}, {}], {}, "alice (accounts_users) is declared 2 times"),
        ([{}], {"known": [{"name": "x", "uid": 7}, {"name": "y", "uid": 7}]}, "x and y are both declared with the uid"),
        ([{}, {"name": "bob", "uid": 2002, "home": "/home/alice"}], {}, "both declared with the home /home/alice"),
        ([{}], {"groups": [{"name": "web", "gid": 2001, "origin": "g"}]}, "alice and web are both declared with the"),
        ([{}], {"groups": [{"name": "alice", "gid": 3000, "origin": "g"}]}, "a group alice is declared with another"),
        ([{}], {"groups": [{"name": "Web", "gid": 3000, "origin": "g"}]}, "group Web (g): 'Web' is no name"),
        ([{}], {"groups": [{"name": "web", "gid": 50, "origin": "g"}]}, "group web (g): gid 50 is below 2000"),
    ],
)
def test_contradictions_are_refused(users: list[dict[str, Any]], params: dict[str, Any], message: str) -> None:
    with pytest.raises(AccountsError) as refused:
        declare(*users, **params)
    assert message in str(refused.value)


def test_groups_of_packages_may_have_other_names_than_ours() -> None:
    assert declare({"groups": ["Debian-exim"]}).users["alice"].groups == {"Debian-exim"}
    with pytest.raises(AccountsError, match="accounts_admin_groups: 'a,b' is no name of a group"):
        declare({}, admin_groups=["a,b"])


def test_a_chosen_name_must_be_known_and_the_nearest_is_told() -> None:
    known = [{"name": "alice", "uid": 2001}]
    with pytest.raises(AccountsError) as refused:
        declare({}, known=known, present=[{"value": "alcie", "origin": "web__accounts_present"}])
    assert str(refused.value) == (
        "web__accounts_present names 'alcie', which accounts_users does not have: did you mean alice?"
    )


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(AccountsError) as refused:
        declare({"uid": 5}, {"name": "B"})
    assert len(str(refused.value).splitlines()) == 2


def test_lower_numbers_are_allowed_by_a_parameter() -> None:
    assert declare({"uid": 1000}, min_id=1000).users["alice"].uid == 1000


def test_admins_are_in_the_groups_of_admins() -> None:
    declared = declare(
        {"groups": ["adm"]}, known=[{"name": "alice", "uid": 2001}], admins=[{"value": "alice", "origin": "a"}]
    )
    assert declared.users["alice"].groups == {"adm", "sudo"}


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
    told = "alice (accounts_users): is disabled, but keys may be left in the home /home/alice: it cannot be read: Input"
    undone, (unknown,) = plan.out_of_reach(leaver, actual)
    assert (undone, unknown.startswith(told)) == ([], True)
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
def test_a_home_that_cannot_be_read_is_left_alone_and_told(user: dict[str, Any], fails: bool) -> None:
    wanted = declare(user | {"comment": "A"})
    actual = host(home=DEAD)
    assert plan.conflicts(wanted, actual, end_processes=True, check_mode=False) == []
    assert what(wanted, actual) == ["user alice"]
    undone, unknown = plan.out_of_reach(wanted, actual)
    assert (len(undone), len(unknown)) == ((1, 0) if fails else (0, 1))
    assert "the home /home/alice cannot be read: Input/output error" in (undone + unknown)[0]


def test_a_step_that_fails_keeps_back_only_what_builds_on_it() -> None:
    done = []

    def step(what: str, user: str, *, urgent: bool = False, fails: bool = False) -> plan.Step:
        def call() -> None:
            done.append(what)
            if fails:
                raise OSError(5, "Input/output error")

        return plan.Step(what, call=call, user=user, urgent=urgent)

    steps = [
        step("group", "", fails=True),
        step("other group", ""),
        step("disable", "alice", fails=True),
        step("processes", "alice", urgent=True),
        step("remove", "alice"),
        step("bob", "bob"),
    ]
    failed = accounts_host.carry_out(steps, lambda *_: (0, "", ""))
    assert done == ["group", "other group", "disable", "processes", "bob"]
    assert [text.partition(":")[0] for text in failed] == ["group", "disable"]


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
    with pytest.raises(AccountsError, match=message):
        plan.root_keys(wanted, "/root", home, replace_all=False)
    assert len(plan.root_keys(wanted, "/root", home, replace_all=True)) == 1
    with pytest.raises(AccountsError, match="the home /root cannot be read"):
        plan.root_keys(wanted, "/root", DEAD, replace_all=True)


def test_root_keys_are_left_alone_or_changed_step_by_step() -> None:
    assert plan.root_keys(None, "/root", NOW, replace_all=False) == []
    both = check_root_keys([KEY, f"ssh-ed25519 {OTHER}"])
    assert len(plan.root_keys(both, "/root", NOW, replace_all=False)) == 1
    assert len(plan.root_keys(check_root_keys([KEY]), "/root", Home(0o700), replace_all=False)) == 1
    with pytest.raises(AccountsError, match=r"^root \(accounts_root_keys\): key 1 "):
        check_root_keys(["nonsense"])
