"""The clock: who is asked, who is answered, and which of the two programs runs.

A container can't set its machine's clock, so the units of both programs leave themselves out by their own conditions.
What they do is shown without those: timesyncd asks its server, chronyd (with -x, so that it leaves the clock alone)
answers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

#: Lets a unit run in a container.
DROP_IN = {
    "systemd-timesyncd": "[Unit]\nConditionCapability=\nConditionVirtualization=\n"
    "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n",
    "chrony": "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x -F 1\n",
}

#: Asks a server for the time; prints its stratum and how far its time is from here in seconds, or the error.
ASK = """
import socket, struct, sys, time
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as asker:
    asker.settimeout(float(sys.argv[2]))
    asker.sendto(b"\\x23" + bytes(47), (sys.argv[1], 123))
    try:
        answer = asker.recv(48)
    except TimeoutError:
        sys.exit("no answer")
print(answer[1], round(abs(struct.unpack("!I", answer[40:44])[0] - 2208988800 - time.time())))
"""

#: Answers one question for the time, and prints who asked.
ANSWER = """
import socket
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
    server.bind(("::", 123))
    server.settimeout(60)
    print(server.recvfrom(48)[1][0].removeprefix("::ffff:"))
"""


@pytest.fixture
def runs_here(host: Host) -> Iterator[Callable[[str], None]]:
    """Have a unit run although this is a container, until the test ends."""
    yield lambda unit: host.check_output(
        "mkdir -p /run/systemd/system/%s.service.d && echo %s >/run/systemd/system/%s.service.d/test.conf"
        " && systemctl daemon-reload",
        unit,
        DROP_IN[unit],
        unit,
    )
    host.check_output("rm -rf /run/systemd/system/*.service.d/test.conf && systemctl daemon-reload")
    host.run(f"systemctl stop {' '.join(DROP_IN)}")


@pytest.fixture(scope="session")
def serving(converge: Converge, probe: Host) -> Callable[..., Run]:
    """Converge the host as a server of the probe; the last tests leave it so, as to change back takes half a minute."""
    networks = [f"{address}/{128 if ':' in address else 32}" for address in probe.check_output("hostname -I").split()]

    def run(**variables: object) -> Run:
        settings = {"timesync_serve_to": networks, "timesync_chrony_settings": ["local stratum 7"]}
        return converge(**(settings | variables))

    return run


def ask(asker: Host, server: str, seconds: float = 20) -> str:
    """Return what a server answers; it may be starting, so it is asked again while nobody listens."""
    deadline = time.monotonic() + seconds
    while True:
        done = asker.run("python3 -c %s %s %s", ASK, server, "2")
        if done.rc == 0 or time.monotonic() > deadline:
            return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_timesyncd_leaves_itself_out_of_a_container(host: Host) -> None:
    shown = host.check_output("systemctl show --property=UnitFileState,ActiveState,ConditionResult systemd-timesyncd")
    assert sorted(shown.splitlines()) == ["ActiveState=inactive", "ConditionResult=no", "UnitFileState=enabled"]
    assert not host.package("chrony").is_installed


def test_a_clock_that_nobody_sets_is_refused(converge: Converge) -> None:
    for servers in ([], [""]):
        done = converge("--check", timesync_servers=servers)
        assert done.rc == 2
        assert "timesync_servers: nobody would set the clock" in done.said


def test_timesyncd_asks_its_server(host: Host, probe: Host, address: str, address6: str, runs_here: Callable) -> None:
    runs_here("systemd-timesyncd")
    probe.check_output("systemd-run --collect --unit=answer --property=RemainAfterExit=yes python3 -c %s", ANSWER)
    try:
        host.check_output("systemctl restart systemd-timesyncd")
        deadline = time.monotonic() + 60
        while not (asked := probe.check_output("journalctl -q -o cat --unit=answer _COMM=python3")):
            assert time.monotonic() < deadline, host.check_output("journalctl -q -u systemd-timesyncd")
        assert asked in {address, address6}
    finally:
        probe.check_output("systemctl stop answer; journalctl --rotate --vacuum-time=1s -q")


@pytest.mark.spread
def test_servers_of_a_later_file_are_told_with_its_line(host: Host, converge: Converge) -> None:
    folder = "/etc/systemd/timesyncd.conf.d"
    host.check_output(f"printf '[Time]\nNTP=192.0.2.1\n' >{folder}/10-other.conf")
    host.check_output(f"printf '[Time]\n# other\nNTP=192.0.2.2\n' >{folder}/zz-other.conf")
    try:
        done = converge(check=True)
        assert done.rc == 2
        assert f'{folder}/zz-other.conf:3: "NTP=192.0.2.2" is read after timesync_servers' in done.message
        assert "10-other" not in done.message
    finally:
        host.check_output(f"rm {folder}/*-other.conf")


def test_chrony_serves_the_time_to_those_who_may_ask(
    host: Host, probe: Host, address: str, address6: str, runs_here: Callable, serving: Converge
) -> None:
    runs_here("chrony")
    done = serving()
    assert done.rc == 0, done.output
    assert not host.package("systemd-timesyncd").is_installed
    for server in (address, address6):
        stratum, distance = ask(probe, server).split()
        assert (stratum, int(distance) <= 1) == ("7", True)
    done = serving(timesync_serve_to=["192.0.2.0/24"])
    assert (done.rc, done.changed) == (0, 1), done.output
    assert ask(probe, address, 0) == "no answer"


@pytest.mark.spread
def test_what_chrony_refuses_is_not_written(host: Host, serving: Converge) -> None:
    before = host.file("/etc/chrony/chrony.conf").content
    done = serving(timesync_chrony_settings=["no-such-directive 1"])
    assert done.rc == 2
    said = done.said
    assert "/etc/chrony/chrony.conf is refused by chronyd: " in said
    assert "Invalid directive at line 12 in file /etc/chrony/chrony.conf" in said
    assert host.file("/etc/chrony/chrony.conf").content == before
    assert serving().rc == 0
    assert serving().changed == 0
