"""What tests of the firewall ask of a host and of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Run
    from testinfra.host import Host

MEMORY = "/var/lib/strata/iptables/strata-INPUT.json"

# Says how a TCP port answers within two seconds.
KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print("open")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silent")
"""


def ours(host: Host) -> list[str]:
    """Return the rules of our chain that the kernel has, IPv4 and IPv6."""
    saved = host.check_output("iptables-save -t filter; ip6tables-save -t filter")
    start = "-A strata-INPUT "
    return [line.removeprefix(start) for line in saved.splitlines() if line.startswith(start)]


def result(run: Run) -> dict[str, Any]:
    """Return what the firewall's task gave back."""
    return next(one for one in reversed(run.results) if "changes" in one or "msg" in one)


def message(run: Run) -> str:
    """Return the output of a run without the line breaks that Ansible puts in, and without YAML's doubled quotes."""
    return " ".join(run.output.split()).replace("''", "'")


def knock(machine: Host, address: str, port: int) -> str:
    """Return how a machine finds a TCP port of another: open, refused or silent."""
    return machine.check_output("python3 -c %s %s %s", KNOCK, address, str(port))
