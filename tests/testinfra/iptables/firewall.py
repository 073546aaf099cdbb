"""What a host's kernel and its saved files say of its firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


def rules(host: Host) -> list[str]:
    """Return what the kernel has in both filter tables, without comments and counters."""
    saved = host.check_output("iptables-save -t filter; ip6tables-save -t filter")
    return [line.split(" [")[0] for line in saved.splitlines() if not line.startswith("#")]


def saved_files(host: Host) -> str:
    """Return the files that are loaded at boot, with what a change of them would change."""
    return host.check_output(
        "stat -c '%i %Y' /etc/iptables/rules.v4 /etc/iptables/rules.v6 && cat /etc/iptables/rules.*"
    )
