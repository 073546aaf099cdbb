"""What is refused in a declaration of accounts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.accounts.declared import check_root_keys
from ansible.module_utils.strata.errors import DeclarationError

from .sample import HASH, KEY, declare


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"name": "Alice"}, "'Alice' is not a valid name"),
        ({"name": "a\nb"}, r"'a\nb' is not a valid name"),
        ({"name": "../etc"}, "'../etc' is not a valid name"),
        ({"name": "a:b"}, "'a:b' is not a valid name"),
        ({"name": "-a"}, "'-a' is not a valid name"),
        ({"name": "a" * 33}, "is not a valid name"),
        ({"name": ".a"}, "'.a' is not a valid name"),
        ({"name": "a."}, "'a.' is not a valid name"),
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
        ({"group": "a b"}, "'a b' is not a valid name of a group"),
        ({"groups": ["a,b"]}, "'a,b' is not a valid name of a group"),
        ({"keys": ["ssh-ed25519 nonsense"]}, "key 1 is cut off or damaged"),
        ({"keys": [KEY, f"{KEY}\n{KEY}"]}, "key 2 has a line break"),
    ],
)
def test_a_hostile_or_wrong_user_is_refused(user: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare(user)
    assert message in str(refused.value)
    assert "(accounts_users): " in str(refused.value)


@pytest.mark.parametrize(
    "password", ["secret", "", "!", "*", "$1$salt$hash", f"{HASH}:0:0", f"{HASH}\nroot:x", f"!{HASH}", "$6$salt$short"]
)
def test_a_password_that_is_not_a_hash_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(DeclarationError, match=r"^alice \(accounts_users\): the password is not a hash") as refused:
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
        ([{}], {"groups": [{"name": "Web", "gid": 3000, "origin": "g"}]}, "group Web (g): 'Web' is not a valid name"),
        ([{}], {"groups": [{"name": "web", "gid": 50, "origin": "g"}]}, "group web (g): gid 50 is below 2000"),
    ],
)
def test_contradictions_are_refused(users: list[dict[str, Any]], params: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare(*users, **params)
    assert message in str(refused.value)


def test_the_group_of_ones_own_may_be_named() -> None:
    declared = declare({"group": "alice"})
    assert declared == declare({})
    assert (declared.groups["alice"].gid, declared.users["alice"].group) == (2001, "alice")
    with pytest.raises(DeclarationError, match="a group alice is declared with another number than 2001"):
        declare({"group": "alice"}, groups=[{"name": "alice", "gid": 3000, "origin": "g"}])


@pytest.mark.parametrize("name", ["jane.doe", "j", "_a", "a" * 32])
def test_a_name_may_be_short_long_or_in_parts(name: str) -> None:
    declared = declare({"name": name})
    assert (declared.users[name].home, declared.groups[name].gid) == (f"/home/{name}", 2001)


def test_groups_of_packages_may_have_other_names_than_ours() -> None:
    assert declare({"groups": ["Debian-exim"]}).users["alice"].groups == {"Debian-exim"}
    with pytest.raises(DeclarationError, match="accounts_admin_groups: 'a,b' is not a valid name of a group"):
        declare({}, admin_groups=["a,b"])


def test_a_chosen_name_must_be_known_and_the_nearest_is_shown() -> None:
    known = [{"name": "alice", "uid": 2001}]
    with pytest.raises(DeclarationError) as refused:
        declare({}, known=known, present=[{"value": "alcie", "origin": "web__accounts_present"}])
    assert str(refused.value) == (
        "web__accounts_present names 'alcie', which accounts_users does not have: did you mean 'alice'?"
    )


def test_all_problems_are_shown_at_once() -> None:
    with pytest.raises(DeclarationError) as refused:
        declare({"uid": 5}, {"name": "B"})
    assert len(str(refused.value).splitlines()) == 2


def test_lower_numbers_are_allowed_by_a_parameter() -> None:
    assert declare({"uid": 1000}, min_id=1000).users["alice"].uid == 1000


def test_admins_are_in_the_groups_of_admins() -> None:
    declared = declare(
        {"groups": ["adm"]}, known=[{"name": "alice", "uid": 2001}], admins=[{"value": "alice", "origin": "a"}]
    )
    assert declared.users["alice"].groups == {"adm", "sudo"}


def test_a_line_of_roots_that_sshd_would_not_take_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"^root \(accounts_root_keys\): key 1 "):
        check_root_keys(["nonsense"])
