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


def wait(run: Run, unit: str, ports: Sequence[Port], until: float) -> list[Port]:
    """Wait until a unit listens at all ports; return those at which it still does not.

    Args:
        run: runs a command and returns its exit status, output and error output.
        unit: name of the unit; one whose processes have ended is not waited for.
        ports: what it shall listen at.
        until: how long it is waited for, Unix time.

    """
    while True:
        group = run(["systemctl", "show", "--property=ControlGroup", "--value", "--", unit])[1].strip()
        held = set(_held(group)) if group else set()
        absent = [each for each in ports if held.isdisjoint(_sockets(each))]
        if not absent or not group or time.time() > until:
            return absent
        time.sleep(0.1)


def _held(group: str) -> Iterator[str]:
    """Give the inodes of the sockets that processes of a control group have open; one may end meanwhile."""
    for process in filter(str.isdecimal, os.listdir(PROC)):
        with contextlib.suppress(OSError):
            with open(f"{PROC}/{process}/cgroup", encoding="utf-8") as stream:
                groups = [line.rstrip("\n").split(":", 2)[2] for line in stream]
            if any(f"{each}/".startswith(f"{group}/") for each in groups):
                for name in os.listdir(f"{PROC}/{process}/fd"):
                    with contextlib.suppress(FileNotFoundError):
                        yield os.readlink(f"{PROC}/{process}/fd/{name}").removeprefix("socket:[").removesuffix("]")


def _sockets(wanted: Port) -> Iterator[str]:
    """Give the inodes of the sockets that wait for clients at a port, IPv4 and IPv6."""
    for table in (wanted.protocol, f"{wanted.protocol}6"):
        with (
            contextlib.suppress(FileNotFoundError),  # a host without IPv6
            open(f"{PROC}/net/{table}", encoding="ascii") as stream,
        ):
            for words in map(str.split, stream):
                if words[3] == WAITING[wanted.protocol] and int(words[1].rpartition(":")[2], 16) == wanted.number:
                    yield words[9]
