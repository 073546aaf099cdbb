"""What is removed on a real host by the real timers, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

pytestmark = pytest.mark.spread

SMALL = "/srv/small/tree"

#: Has a log open from its start on, and opens it anew when it is told to.
WRITER = """
import signal, time
def reopen(*_):
    global log
    log.close()
    log = open("/srv/small/tree/log", "ab", buffering=0)
log = open("/srv/small/tree/log", "ab", buffering=0)
log.write(bytes(6 << 20))
signal.signal(signal.SIGHUP, reopen)
while True:
    time.sleep(0.05)
    log.write(b"line\\n")
"""


def write(host: Host, path: str, age: str, kilobytes: int = 1) -> None:
    command = "mkdir -p -- $(dirname %s) && head -c %s /dev/urandom >%s && touch -d %s %s"
    host.check_output(command, path, str(kilobytes * 1024), path, age, path)


def run(host: Host, mode: str = "all") -> int:
    return host.run("systemctl start strata-retention@%s", mode).rc


def said(host: Host, mode: str = "all") -> str:
    command = "journalctl -q -o cat -u strata-retention@%s -n 20"
    return host.check_output(command, mode)


def left(host: Host, tree: str) -> list[str]:
    return host.check_output("cd %s && find . -mindepth 1 -printf '%%P\\n' | sort", tree).splitlines()


@pytest.fixture
def small(host: Host) -> Iterator[str]:
    """The tree on the small file system, empty before and after."""
    yield SMALL
    host.run("systemctl stop writer; systemctl reset-failed; rm -rf /srv/small/other %s/*", SMALL)


def test_the_folder_of_a_tree_is_its_owner_s(host: Host) -> None:
    folder = host.file("/srv/logs")
    assert (folder.user, folder.group, folder.mode) == ("daemon", "www-data", 0o750)
    assert not host.file("/srv/not/there").exists


def test_what_is_too_old_goes(host: Host) -> None:
    for name in ("1/old.txt", "1/new\nline", "-rf", "releases/old.txt"):
        write(host, f"/srv/logs/{name}", "40 days ago")
    host.check_output("touch -d '40 days ago' /srv/logs/1")
    write(host, "/srv/logs/2/new.txt", "20 days ago")
    write(host, "/srv/outside/old.txt", "40 days ago")
    host.check_output("ln -s /srv/outside /srv/logs/2/link")
    host.check_output("mkdir /srv/logs/2/disk && mount -t tmpfs tmpfs /srv/logs/2/disk")
    try:
        write(host, "/srv/logs/2/disk/old.txt", "40 days ago")
        assert run(host) == 0
        assert host.file("/srv/logs/2/disk/old.txt").exists
    finally:
        host.check_output("umount /srv/logs/2/disk && rmdir /srv/logs/2/disk")
    assert left(host, "/srv/logs") == ["2", "2/link", "2/new.txt", "releases", "releases/old.txt"]
    assert host.file("/srv/outside/old.txt").exists
    assert "/srv/logs: by age or size: 3 files of 0.0 MB removed" in said(host)


def test_the_oldest_of_too_much_go(host: Host) -> None:
    for age in ("5 days", "3 days", "4 days", "0 days"):
        write(host, f"/srv/sized/{age}", f"{age} ago", 800)
    assert run(host) == 0
    assert left(host, "/srv/sized") == ["0 days", "3 days"]


def test_the_timer_empties_a_full_file_system_oldest_first(host: Host, small: str) -> None:
    write(host, f"{small}/old", "2 days ago", 3000)
    write(host, f"{small}/older", "3 days ago", 1000)
    write(host, f"{small}/new", "now", 3000)
    wait_for(lambda: left(host, small) == ["new"], lambda: f"{left(host, small)} {said(host, 'watch')}")
    assert f"{small}: the file system is nearly full: " in said(host, "watch")


def test_the_timer_frees_inodes(host: Host, small: str) -> None:
    host.run('cd %s && for name in $(seq 101 250); do touch -d "$name minutes ago" $name || exit; done', small)
    wait_for(lambda: len(left(host, small)) <= 120, lambda: f"{left(host, small)} {said(host, 'watch')}")
    assert "101" in left(host, small)


def test_a_file_in_use_is_given_up_by_its_writer(host: Host, small: str) -> None:
    host.check_output("systemd-run --collect --unit=writer python3 -c %s", WRITER)
    # The first file begins with zeros.
    wait_for(lambda: host.run("head -c 4 %s/log", small).stdout == "line", lambda: said(host, "watch"))
    assert int(host.check_output("df --output=pcent /srv/small | tail -n 1 | tr -dc 0-9")) < 10


def test_what_stays_full_fails(host: Host, small: str) -> None:
    write(host, "/srv/small/other", "now", 7000)
    write(host, f"{small}/log", "now")
    assert run(host, "watch") == 1
    assert left(host, small) == []
    assert "there is nothing left to remove" in said(host, "watch")


def test_nothing_but_the_trees_can_be_written_to(host: Host, converge: Callable[..., Run]) -> None:
    write(host, "/srv/outside/old.txt", "40 days ago")
    host.check_output("sed -i s:/srv/logs:/srv/outside: /etc/strata/retention.json")
    try:
        assert run(host) == 1
        assert "Read-only file system" in said(host)
        assert host.file("/srv/outside/old.txt").exists
    finally:
        done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert run(host) == 0


def test_a_tree_that_makes_no_sense_is_refused(host: Host, converge: Callable[..., Run]) -> None:
    before = host.file("/etc/strata/retention.json").content
    done = converge(retention_trees=[{"path": "/srv", "max_age": 1}])
    assert done.rc == 2
    assert "retention_trees: /srv must be a plain absolute path of two folders or more" in done.said
    assert host.file("/etc/strata/retention.json").content == before
    assert converge().changed == 0
