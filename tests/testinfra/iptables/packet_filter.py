"""What tests of the firewall ask of a host and of a run: its kernel, its saved files, its ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plays import Run
    from testinfra.host import Host

MEMORY = "/var/lib/strata/iptables/strata-INPUT.json"
PENDING = "/run/strata/iptables-rollback"
DELAY = 5  # of a rollback that is to happen, seconds; rules that are to stay have the default of the role

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


def rules(host: Host) -> list[str]:
    """Return what the kernel has in both filter tables, without comments and counters."""
    saved = host.check_output("iptables-save -t filter; ip6tables-save -t filter")
    return [line.split(" [")[0] for line in saved.splitlines() if not line.startswith("#")]


def ours(host: Host) -> list[str]:
    """Return the rules of our chain that the kernel has, IPv4 and IPv6."""
    start = "-A strata-INPUT "
    return [rule.removeprefix(start) for rule in rules(host) if rule.startswith(start)]


def saved_files(host: Host) -> str:
    """Return the files that are loaded at boot, with what a change of them would change."""
    return host.check_output(
        "stat -c '%i %Y' /etc/iptables/rules.v4 /etc/iptables/rules.v6 && cat /etc/iptables/rules.*"
    )


def result(run: Run) -> dict[str, Any]:
    """Return what the firewall's task gave back."""
    return next(one for one in reversed(run.results) if "changes" in one or "msg" in one)


def knock(machine: Host, address: str, port: int) -> str:
    """Return how a machine finds a TCP port of another: open, refused or silent."""
    return machine.check_output("python3 -c %s %s %s", KNOCK, address, str(port))
