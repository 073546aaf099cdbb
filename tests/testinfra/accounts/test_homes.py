"""Homes that cannot be read, that are not their users' own, or that are in use."""

from __future__ import annotations

import pytest
from results import changes

pytestmark = pytest.mark.spread

EVE = {"name": "eve", "uid": 2101}
FRANK = {"name": "frank", "uid": 2102}
NEW = {"name": "new", "uid": 2199}
KEYS = "/home/eve/.ssh/authorized_keys"


@pytest.fixture
def obstacle(host):
    """Have eve's keys stand in a mount that lets not even root read them, with a process of hers behind it."""

    def make():
        host.check_output("systemd-run --collect --quiet --uid=eve --unit=eves --property=Type=exec sleep 1000")
        # The memory of a process belongs to its user, and cannot be read at its beginning.
        process = host.check_output("systemctl show --property=MainPID --value eves")
        host.check_output(f"mount --bind /proc/{process}/mem {KEYS}")
        assert host.run(f"cat {KEYS}").rc

    yield make
    host.run(f"umount {KEYS}; systemctl stop eves")


def test_a_home_that_cannot_be_read_keeps_nobody_in(host, apply_people, login, keys, obstacle):
    eve, frank = EVE | {"keys": [keys["one"]]}, FRANK | {"keys": [keys["two"]]}
    assert apply_people(eve, FRANK).rc == 0
    obstacle()
    people = (eve | {"comment": "Eve"}, frank)
    checked = apply_people(*people, check=True)
    assert host.user("eve").gecos == ""
    failed = apply_people(*people)
    assert (checked.rc, checked.message) == (failed.rc, failed.message)
    assert failed.rc == 2
    assert "eve (accounts_users): the home /home/eve cannot be read: " in failed.message
    assert "frank" not in failed.message
    assert host.user("eve").gecos == "Eve"
    assert login("frank", "two") == "frank"
    left = apply_people(eve | {"state": "disabled"}, frank)
    assert changes(left) == ["user eve disabled", "processes of eve"]
    assert "but keys may be left in the home /home/eve: it cannot be read" in left.said
    assert host.user("eve").password.startswith("!")
    assert host.run("pgrep -u eve").rc == 1
    gone = eve | {"state": "absent", "remove_home": True}
    stuck = apply_people(gone, frank)
    assert stuck.rc == 2
    assert "eve (accounts_users): is disabled, not removed, as the home /home/eve cannot be read" in stuck.message
    assert host.user("eve").exists
    host.check_output(f"umount {KEYS}")
    assert login("eve", "one") != "eve"
    assert apply_people(gone, frank).rc == 0
    assert not host.user("eve").exists
    assert not host.file("/home/eve").exists


def test_who_is_logged_in_keeps_the_home_and_nothing_is_done_half(host, apply_people):
    assert apply_people(EVE).rc == 0
    host.check_output("systemd-run --collect --quiet --uid=eve --unit=eves --property=Type=exec sleep 1000")
    moved = EVE | {"home": "/home/elsewhere"}
    refused = apply_people(moved, FRANK | {"comment": "Frank"}, NEW)
    assert refused.rc == 2
    expected = "eve (accounts_users): runs processes, so the home cannot become /home/elsewhere instead of /home/eve"
    assert expected in refused.message
    assert not host.user("new").exists
    host.check_output("systemctl stop eves")
    assert changes(apply_people(moved)) == ["user eve", "home /home/elsewhere"]
    host.check_output("rm -r /home/eve")


@pytest.fixture
def rooted(host):
    """A home that is root's."""
    host.check_output("install -d /srv/rooted/.ssh")
    yield "/srv/rooted"
    host.check_output("rm -r /srv/rooted")


def test_keys_in_a_home_of_roots_are_not_overlooked(host, apply_people, login, keys, rooted):
    ivan = {"name": "ivan", "uid": 2153, "home": rooted, "create_home": False}
    assert apply_people(ivan).rc == 0
    host.check_output("echo %s >%s", keys["one"], f"{rooted}/.ssh/authorized_keys")
    assert login("ivan", "one") == "ivan"
    refused = apply_people(ivan, NEW)
    assert refused.rc == 2
    expected = f"ivan (accounts_users): the home {rooted} belongs to uid 0, not to uid 2153"
    assert expected in refused.message
    assert "its authorized_keys may let somebody in" in refused.message
    assert not host.user("new").exists
    host.check_output(f"rm {rooted}/.ssh/authorized_keys")
    assert apply_people(ivan).changed == 0
