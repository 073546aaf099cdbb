"""Accounts as they are declared, and real logins by those who may, and by those who may not."""

from __future__ import annotations

import pytest
from results import changes

REFUSED = "Permission denied (publickey,password)."
EVE = {"name": "eve", "uid": 2101}
FRANK = {"name": "frank", "uid": 2102}
JANE = {"name": "jane.doe", "uid": 2160}


def test_people_are_as_declared(host):
    alice, bob = host.user("alice"), host.user("bob")
    assert (alice.uid, alice.gid, alice.gecos, alice.home, alice.shell) == (
        2001,
        2001,
        "Alice Example",
        "/home/alice",
        "/bin/bash",
    )
    assert (bob.uid, bob.home, bob.shell) == (2002, "/srv/people/bob", "/bin/sh")
    assert sorted(alice.groups) == ["alice", "sudo"]
    assert sorted(bob.groups) == ["adm", "bob", "web"]
    assert host.group("web").gid == 3000
    assert (host.file("/home/alice").mode, host.file("/srv/people/bob").mode) == (0o700, 0o750)
    assert host.file("/home/alice/.profile").user == "alice"
    assert host.file("/home/alice/.ssh/authorized_keys").mode == 0o600
    assert not host.file("/srv/people/bob/.ssh").exists


def test_who_is_not_chosen_or_has_left_has_no_account(host):
    assert not host.user("carol").exists
    assert not host.user("dan").exists


def test_keys_let_in_and_removed_keys_do_not(host, apply_people, login, keys):
    assert apply_people(JANE | {"keys": [keys["one"], keys["two"]]}).rc == 0
    assert [login("jane.doe", "one"), login("jane.doe", "two")] == ["jane.doe", "jane.doe"]
    assert host.check_output("su - jane.doe -c 'id -un; id -gn; pwd'").split() == [
        "jane.doe",
        "jane.doe",
        "/home/jane.doe",
    ]
    assert changes(apply_people(JANE | {"keys": [keys["two"]]})) == ["keys of jane.doe"]
    assert [login("jane.doe", "one"), login("jane.doe", "two")] == [REFUSED, "jane.doe"]
    assert apply_people(JANE).rc == 0
    assert login("jane.doe", "two") == REFUSED


def test_a_key_holds_only_from_where_it_may(apply_people, login, keys, probe):
    addresses = ",".join(probe.check_output("hostname -I").split())
    elsewhere, here = (f'from="{source}" {keys["one"]}' for source in ("192.0.2.1", addresses))
    assert apply_people(EVE | {"keys": [elsewhere]}).rc == 0
    assert login("eve", "one") == REFUSED
    assert apply_people(EVE | {"keys": [here, f'command="echo forced" {keys["two"]}']}).rc == 0
    assert [login("eve", "one"), login("eve", "two")] == ["eve", "forced"]


@pytest.mark.spread
def test_who_is_disabled_is_out_at_once_and_may_come_back(host, apply_people, login, keys):
    eve = EVE | {"keys": [keys["one"]]}
    assert apply_people(eve, accounts_admins=["eve"]).rc == 0
    host.check_output("systemd-run --quiet --uid=eve --unit=eves sleep 1000")
    host.check_output(
        "su eve -c 'echo mine > ~/file; mkdir -p ~/.ssh; cp ~/.ssh/authorized_keys ~/.ssh/authorized_keys2'"
    )
    assert apply_people(eve | {"state": "disabled"}, accounts_end_processes=False).rc == 0
    assert host.run("pgrep -u eve").rc == 0
    assert login("eve", "one") == REFUSED
    assert changes(apply_people(eve | {"state": "disabled"})) == ["processes of eve"]
    assert host.run("pgrep -u eve").rc == 1
    assert host.user("eve").shell == "/usr/sbin/nologin"
    assert host.user("eve").groups == ["eve"]
    assert host.user("eve").password.startswith("!")
    assert host.file("/home/eve/file").content_string == "mine\n"
    assert host.run("ls /home/eve/.ssh").stdout == ""
    assert "expired" in host.run("su eve -c true").stderr
    assert apply_people(eve).rc == 0
    assert login("eve", "one") == "eve"


@pytest.mark.spread
def test_who_is_absent_is_removed_and_the_home_if_asked(host, apply_people):
    assert apply_people(EVE, FRANK).rc == 0
    host.check_output("systemd-run --quiet --uid=eve sleep 1000")
    kept = apply_people(EVE | {"state": "absent"}, FRANK | {"state": "absent"}, accounts_end_processes=False)
    assert kept.rc == 2
    assert "eve (accounts_users): still runs processes" in kept.message
    assert host.user("frank").exists
    host.check_output("mkdir -p /var/spool/cron/crontabs && touch /var/spool/cron/crontabs/frank")
    assert apply_people(EVE | {"state": "absent", "remove_home": True}, FRANK | {"state": "absent"}).rc == 0
    assert not host.user("eve").exists
    assert not host.group("eve").exists
    assert not host.user("frank").exists
    assert not host.file("/var/spool/cron/crontabs/frank").exists
    assert not host.file("/home/eve").exists
    assert host.file("/home/frank").uid == 2102
    # Whoever gets the number gets the home; nobody else does.
    other = apply_people({"name": "grace", "uid": 2103, "home": "/home/frank"})
    assert "the home /home/frank belongs to uid 2102, not to uid 2103" in other.message
    assert apply_people(FRANK).rc == 0


@pytest.mark.spread
def test_who_is_no_longer_declared_is_named_and_disabled_by_choice(host, apply_people, login, keys):
    eve = EVE | {"keys": [keys["one"]]}
    assert apply_people(eve, FRANK).rc == 0
    # Eve stays in the table, but has no account on this host any more; frank's line is gone.
    left = apply_people(eve, accounts_present=[])
    assert (left.rc, left.changed) == (0, 0)
    assert {"eve", "frank"} <= set(left.results[-1]["undeclared"])
    assert "no longer declared, but still on this host: " in left.output
    assert login("eve", "one") == "eve"
    purged = apply_people(eve, accounts_present=[], accounts_purge=True)
    assert {"user eve disabled", "keys of eve", "user frank disabled"} <= set(changes(purged))
    assert login("eve", "one") == REFUSED
    assert host.file("/home/eve").exists
    assert apply_people(eve, accounts_present=[], accounts_purge=True).changed == 0


@pytest.fixture
def squatter(host):
    """An account that somebody made by hand."""
    host.check_output("useradd --uid 2150 --no-create-home squatter")
    yield
    host.check_output("userdel squatter")


TAKEN = [
    ({"name": "grace", "uid": 2150}, "grace (accounts_users): the uid 2150 belongs to squatter on this host"),
    ({"name": "squatter", "uid": 2151}, "squatter (accounts_users): has the uid 2150 on this host, not 2151"),
    ({"name": "heidi", "uid": 2152, "home": "/root"}, "the home /root belongs to uid 0"),
    ({"name": "ivan", "uid": 2153, "home": "/srv/bobs/ivan"}, "is below /srv/bobs, which others than root can change"),
    ({"name": "judy", "uid": 2154, "groups": ["none"]}, "there is no group none on this host"),
]


@pytest.mark.usefixtures("squatter")
@pytest.mark.spread
def test_what_belongs_to_another_is_refused_before_anything_changes(converge, host, fingerprint):
    host.check_output("install -d -o bob /srv/bobs")
    users = [{"name": "new", "uid": 2199}, *(user for user, _ in TAKEN)]
    before = fingerprint()
    refused = converge(accounts_users=users, accounts_present=[user["name"] for user in users], accounts_admins=[])
    assert (refused.rc, refused.changed) == (2, 0)
    for _, message in TAKEN:
        assert message in refused.message
    assert fingerprint() == before


@pytest.mark.spread
def test_a_failure_on_the_way_is_named_and_the_next_run_completes(host, apply_people, login, keys):
    eve = EVE | {"keys": [keys["one"]]}
    failed = apply_people({"name": "aaron", "uid": 2104, "home": "/proc/aaron"}, eve)
    assert failed.rc == 2
    assert "home /proc/aaron: " in failed.message
    assert host.user("aaron").exists
    assert apply_people({"name": "aaron", "uid": 2104}, eve).rc == 0
    assert login("eve", "one") == "eve"
    assert host.file("/home/aaron").user == "aaron"


@pytest.mark.spread
def test_root_keys_are_a_whole_that_locks_nobody_out_by_mistake(host, converge, login, keys):
    path = "/root/.ssh/authorized_keys"
    assert converge().rc == 0
    host.check_output(f"cp --preserve=all {path} /root/kept")
    known = [line for line in host.file(path).content_string.splitlines() if line and not line.startswith("#")]
    for wrong in ([], [keys["one"]]):
        refused = converge(accounts_root_keys=wrong)
        assert refused.rc == 2
        assert "set accounts_replace_root_keys" in refused.message
    assert changes(converge(accounts_root_keys=[*known, keys["one"]])) == ["keys of root"]
    assert login("root", "one") == "root"
    assert changes(converge(accounts_root_keys=known)) == ["keys of root"]
    assert login("root", "one") == REFUSED
    replaced = converge(accounts_root_keys=[keys["one"]], accounts_replace_root_keys=True)
    assert changes(replaced) == ["keys of root"]
    # Now nobody but the probe may come in, to restore the suite's own key.
    assert login("root", "one", f"'id -un && mv /root/kept {path}'") == "root"
