"""Ports that a unit listens at: read from tables and processes of /proc as the kernel writes them."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import listeners
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.listeners import Port, port, taken, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: {address}:{port:04X} {other} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0\n"
GROUP = "/system.slice/a.service"


def table(proc: Path, name: str, *rows: tuple[int, str, int], address: str = "") -> None:
    width = 32 if name.endswith("6") else 8
    lines = [
        LINE.format(address=address or "0" * width, other="0" * width + ":0000", port=number, state=state, inode=inode)
        for number, state, inode in rows
    ]
    (proc / "net" / name).write_text(HEAD + "".join(lines))


def process(proc: Path, number: int, group: str, *inodes: int) -> None:
    folder = proc / str(number)
    (folder / "fd").mkdir(parents=True)
    (folder / "cgroup").write_text(f"3:pids:/\n1:name=systemd:{group}\n")
    (folder / "fd/0").symlink_to("/dev/null")
    for inode in inodes:
        (folder / "fd" / str(inode)).symlink_to(f"socket:[{inode}]")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose unit has a process that listens at tcp:514, and knows of others that are not its own."""
    monkeypatch.setattr(listeners, "PROC", str(tmp_path))
    (tmp_path / "net").mkdir()
    table(tmp_path, "tcp", (514, "0A", 11), (6514, "0A", 21), (25, "01", 12))
    table(tmp_path, "udp", (161, "07", 13), (53, "07", 22))
    process(tmp_path, 100, GROUP, 11, 12, 13)
    process(tmp_path, 101, f"{GROUP}-other", 21)
    process(tmp_path, 102, "/", 22)
    return tmp_path


def run(_: list[str]) -> tuple[int, str, str]:
    return 0, f"{GROUP}\n", ""


def absent(*ports: str) -> list[str]:
    return [str(each) for each in wait(run, "a.service", [port(each) for each in ports], until=0)]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (["tcp:514", "udp:161"], []),
        (["tcp:6514"], ["tcp:6514"]),  # another unit listens there
        (["udp:53"], ["udp:53"]),  # a process of no unit
        (["tcp:25"], ["tcp:25"]),  # a connection, from that port
        (["udp:514", "tcp:514"], ["udp:514"]),
        ([], []),
    ],
)
@pytest.mark.usefixtures("proc")
def test_only_waiting_sockets_of_its_own_processes_count(ports: list[str], expected: list[str]) -> None:
    assert absent(*ports) == expected


def test_a_process_below_and_a_socket_of_ipv6_count(proc: Path) -> None:
    table(proc, "tcp6", (8080, "0A", 31))
    process(proc, 103, f"{GROUP}/worker", 31)
    assert absent("tcp:8080") == []


def test_a_port_that_another_process_has_in_one_family_is_not_listened_at(proc: Path) -> None:
    table(proc, "tcp", (2222, "0A", 41))
    table(proc, "tcp6", (2222, "0A", 42))
    process(proc, 104, GROUP, 42)
    process(proc, 105, "/other", 41)
    assert absent("tcp:2222") == ["tcp:2222"]
    (proc / "105/comm").write_text("python3\n")
    assert taken(run, "a.service", [Port("tcp", 2222), Port("tcp", 23)]) == {
        Port("tcp", 2222): "process 105 (python3) has tcp:2222 on IPv4"
    }


def test_an_address_of_its_own_leaves_the_others_to_others(proc: Path) -> None:
    table(proc, "tcp", (53, "0A", 41))
    table(proc, "tcp6", (53, "0A", 42), address="00000000000000000000000001000000")
    process(proc, 104, GROUP, 42)
    process(proc, 105, "/other", 41)
    assert absent("tcp:53") == []


def test_nobody_has_a_port_that_is_free_or_of_the_unit(proc: Path) -> None:
    assert proc.exists()
    assert taken(run, "a.service", [Port("tcp", 514), Port("tcp", 9)]) == {}


def test_what_comes_up_later_is_waited_for(proc: Path) -> None:
    def come_up(_: list[str]) -> tuple[int, str, str]:
        answer = run([])
        table(proc, "tcp6", (8080, "0A", 12))
        return answer

    until = time.time() + 30
    assert wait(come_up, "a.service", [Port("tcp", 8080)], until) == []
    assert time.time() < until


@pytest.mark.usefixtures("proc")
def test_a_unit_whose_processes_ended_is_not_waited_for() -> None:
    until = time.time() + 30
    assert wait(lambda _: (0, "\n", ""), "a.service", [Port("tcp", 514)], until) == [Port("tcp", 514)]
    assert time.time() < until


@pytest.fixture
def listening() -> Iterator[tuple[int, int]]:
    """Ports of TCP and of UDP at which this process listens."""
    with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        tcp.listen()
        yield tcp.getsockname()[1], udp.getsockname()[1]


def test_the_kernel_writes_what_is_read(listening: tuple[int, int]) -> None:
    tcp, udp = listening
    own = Path("/proc/self/cgroup").read_text().splitlines()[0].split(":", 2)[2]
    ports = [Port("tcp", tcp), Port("udp", udp)]
    assert wait(lambda _: (0, own, ""), "a.service", ports, 0) == []
    assert wait(lambda _: (0, "/no/such", ""), "a.service", ports, 0) == ports


@pytest.mark.parametrize("text", ["514", "tcp:", "tcp:0", "tcp:65536", "sctp:7", "tcp:514 ", "tcp:http"])
def test_what_is_not_a_port_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match=f"^'{text}' is not a port such as tcp:514 or udp:161$"):
        port(text)


def test_what_waits_for_other_hosts_is_told_with_its_families(proc: Path) -> None:
    (proc / "sys/net/ipv4").mkdir(parents=True)
    (proc / "sys/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    table(proc, "tcp", (80, "0A", 1), (90, "0A", 2), (40000, "0A", 3), (25, "01", 4))
    table(proc, "tcp6", (80, "0A", 5), (8080, "0A", 6))
    table(proc, "udp", (161, "07", 7), (40000, "07", 8), (68, "07", 9), (123, "01", 10), address="0A0200C0")
    table(proc, "udp6", (546, "07", 11), (500, "07", 12), address="B80D0120000000000000000001000000")
    both, v4, v6 = {"IPv4", "IPv6"}, {"IPv4"}, {"IPv6"}
    expected = {"tcp:80": both, "tcp:90": v4, "tcp:8080": both, "tcp:40000": v4, "udp:161": v4, "udp:500": v6}
    assert {str(each): families for each, families in listeners.from_outside().items()} == expected


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("tcp", "0100007F"),
        ("tcp", "3500007F"),
        ("tcp6", "00000000000000000000000001000000"),
        ("tcp6", "0000000000000000FFFF00000100007F"),
    ],
)
def test_what_only_the_host_itself_reaches_is_left_out(name: str, address: str, proc: Path) -> None:
    (proc / "sys/net/ipv4").mkdir(parents=True)
    (proc / "sys/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    for each in ("tcp", "udp"):
        table(proc, each)
    table(proc, name, (80, "0A", 1), address=address)
    assert listeners.from_outside() == {}


def test_who_holds_a_port_is_named(proc: Path) -> None:
    (proc / "100/comm").write_text("a daemon\n")
    assert listeners.holder(Port("tcp", 514)) == "process 100 (a daemon)"
    assert listeners.holder(Port("tcp", 80)) == "another process"


def test_the_kernel_of_this_machine_is_understood() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, socket.create_server(("127.0.0.1", 0)) as own:
        found = listeners.from_outside()
        assert "IPv4" in found[Port("tcp", server.getsockname()[1])]
        assert Port("tcp", own.getsockname()[1]) not in found
