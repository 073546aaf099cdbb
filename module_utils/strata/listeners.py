"""The ports that a unit of systemd listens at: which sockets its processes hold, as /proc tells."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible.module_utils.strata.commands import Run

PROC = "/proc"
LAST_PORT = 65535

#: Seconds that a running unit may take to listen.
PATIENCE = 15

# The state of a socket that waits for clients, as the kernel writes it.
WAITING = {"tcp": "0A", "udp": "07"}


@dataclass(frozen=True)
class Port:
    """A port that a unit listens at, at any address."""

    protocol: str
    number: int

    def __str__(self) -> str:
        """Return the port as it is declared."""
        return f"{self.protocol}:{self.number}"


def port(text: str) -> Port:
    """Return the port that a text such as `tcp:514` means.

    Raises:
        DeclarationError: it means none.

    """
    found = re.fullmatch(r"(tcp|udp):([0-9]{1,5})", text)
    if not found or not 1 <= int(found[2]) <= LAST_PORT:
        raise DeclarationError(f"{text!r} is not a port such as tcp:514 or udp:161")
    return Port(found[1], int(found[2]))


# Where it stands which ports the kernel gives to sockets that ask, of UDP also those that wait for the answer.
EPHEMERAL = "sys/net/ipv4/ip_local_port_range"

# Clients of DHCP wait at these for what no firewall keeps from them.
DHCP = {68, 546}

# Addresses that only the host itself reaches, as the kernel writes them: its bytes in the order of the processor.
LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")


@dataclass(frozen=True)
class _Socket:
    """A socket that waits for clients; `all` tells whether it does at all addresses of its family."""

    inode: str
    family: str
    all: bool
    address: str


def wait(run: Run, unit: str, ports: Sequence[Port], until: float) -> list[Port]:
    """Wait until a unit listens at all ports; return those at which it still does not.

    A port at all addresses of one family, which is another process's in the other one, is none at which it listens.

    Args:
        run: runs a command and returns its exit status, output and error output.
        unit: name of the unit; one whose processes have ended is not waited for.
        ports: what it shall listen at.
        until: how long it is waited for, Unix time.

    """
    while True:
        group, held = _of_unit(run, unit)
        absent = [each for each in ports if not _listens(list(_sockets(each)), held)]
        if not absent or not group or time.time() > until:
            return absent
        time.sleep(0.1)


def taken(run: Run, unit: str, ports: Sequence[Port]) -> dict[Port, str]:
    """Return which ports processes that are not of a unit have, each with words about who has it where."""
    _, held = _of_unit(run, unit)
    found = {}
    for each in ports:
        others = [socket for socket in _sockets(each) if socket.inode not in held]
        if others:
            families = " and ".join(sorted({socket.family for socket in others}))
            found[each] = f"{_holder(others[0].inode)} has {each} on {families}"
    return found


def from_outside() -> dict[Port, frozenset[str]]:
    """Return the ports at which something waits for other hosts, each with its families, IPv4 and IPv6."""
    with open(f"{PROC}/{EPHEMERAL}", encoding="ascii") as stream:
        ephemeral = int(stream.read().split()[0])
    found: dict[Port, frozenset[str]] = {}
    for protocol in WAITING:
        for number, socket in _waiting(protocol):
            asking = protocol == "udp" and (number >= ephemeral or number in DHCP)
            if asking or LOOPBACK.fullmatch(socket.address):
                continue
            # At all addresses of IPv6, most wait for IPv4 as well.
            families = {socket.family, "IPv4"} if socket.all else {socket.family}
            port = Port(protocol, number)
            found[port] = found.get(port, frozenset()) | families
    return dict(sorted(found.items(), key=lambda pair: (pair[0].protocol, pair[0].number)))


def holder(port: Port) -> str:
    """Return words for a process that waits at a port."""
    return next((_holder(socket.inode) for socket in _sockets(port)), "another process")


def _of_unit(run: Run, unit: str) -> tuple[str, set[str]]:
    """Return the control group of a unit, nothing if it has ended, and the inodes of its sockets."""
    group = run(["systemctl", "show", "--property=ControlGroup", "--value", "--", unit])[1].strip()
    return group, set(_held(group)) if group else set()


def _listens(sockets: list[_Socket], held: set[str]) -> bool:
    own = [each for each in sockets if each.inode in held]
    families = {each.family for each in own}
    others = {each.family for each in sockets if each.inode not in held}
    return bool(own) and not (others - families and all(each.all for each in own))


def _held(group: str) -> Iterator[str]:
    """Give the inodes of the sockets that processes of a control group have open; one may end meanwhile."""
    for process in filter(str.isdecimal, os.listdir(PROC)):
        with contextlib.suppress(OSError):
            with open(f"{PROC}/{process}/cgroup", encoding="utf-8") as stream:
                groups = [line.rstrip("\n").split(":", 2)[2] for line in stream]
            if any(f"{each}/".startswith(f"{group}/") for each in groups):
                yield from _open_sockets(process)


def _open_sockets(process: str) -> Iterator[str]:
    for name in os.listdir(f"{PROC}/{process}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"{PROC}/{process}/fd/{name}").removeprefix("socket:[").removesuffix("]")


def _holder(inode: str) -> str:
    """Return words for the process that has a socket open."""
    for process in filter(str.isdecimal, os.listdir(PROC)):
        with contextlib.suppress(OSError):
            if inode in _open_sockets(process):
                with open(f"{PROC}/{process}/comm", encoding="utf-8", errors="replace") as stream:
                    return f"process {process} ({stream.read().strip()})"
    return "another process"


def _sockets(wanted: Port) -> Iterator[_Socket]:
    """Give the sockets that wait for clients at a port, IPv4 and IPv6."""
    return (socket for number, socket in _waiting(wanted.protocol) if number == wanted.number)


def _waiting(protocol: str) -> Iterator[tuple[int, _Socket]]:
    """Give the sockets that wait for clients, IPv4 and IPv6, each with its port."""
    for table, family in ((protocol, "IPv4"), (f"{protocol}6", "IPv6")):
        with (
            contextlib.suppress(FileNotFoundError),  # a host without IPv6
            open(f"{PROC}/net/{table}", encoding="ascii") as stream,
        ):
            for words in map(str.split, stream):
                address, _, number = words[1].rpartition(":")
                if words[3] == WAITING[protocol]:
                    yield int(number, 16), _Socket(words[9], family, not address.strip("0"), address)
