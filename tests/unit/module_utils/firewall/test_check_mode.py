"""Check mode on hosts in between: it touches nothing, whatever an earlier run has left there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import listeners, paths
from ansible.module_utils.strata.firewall import boot, declared, run
from ansible.module_utils.strata.listeners import Port
from ansible.module_utils.strata.rollback import script

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Commands that only look, or work in a namespace of their own.
READING = ("iptables-save", "ip6tables-save", "unshare --net", "systemctl is-enabled")
PARAMETERS: dict[str, Any] = {
    "chain": "strata-INPUT",
    "confirm": None,
    "rollback_delay": 30,
    "address_lifetime": 24,
    "log_rejects": False,
    **{name: [] for name in ("ssh_ports", "public_tcp_ports", "public_udp_ports", "snmp_v4hosts", "snmp_v6hosts")},
    **{name: [] for name in ("allowed_hosts", "rules_v4", "rules_v6")},
    **{name: [] for name in ("denied_sources", "first_rules_v4", "first_rules_v6")},
}


class Module:
    """What the module needs of QuietModule on a host that has iptables, or not; commands are noted."""

    check_mode = True
    params = PARAMETERS

    def __init__(self, *, installed: bool) -> None:
        self.installed = installed
        self.commands: list[str] = []
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def get_bin_path(self, program: str, *, required: bool = False) -> str | None:
        return program if self.installed or required else None

    def run_command(self, command: Sequence[str], data: bytes = b"", **_: Any) -> tuple[int, str, str]:
        self.commands.append(" ".join(command))
        if command[0] == "unshare":
            return 0, re.sub(r"-I (\S+) \d+", r"-A \1", data.decode()), ""
        return int(command[:2] == ["systemctl", "is-active"]), "", ""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose files are in a folder of their own."""
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setattr(paths, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(boot, "DEFAULTS", str(tmp_path / "netfilter-persistent"))
    monkeypatch.setattr(listeners, "from_outside", lambda: {Port("tcp", 3306): {"IPv4"}, Port("tcp", 22): {"IPv6"}})
    monkeypatch.setattr(listeners, "holder", lambda _: "process 9 (mariadbd)")
    return tmp_path


@pytest.mark.parametrize("installed", [True, False])
def test_what_will_be_closed_and_what_never_applies_is_told_once(installed: bool) -> None:
    module = Module(installed=installed)
    rejected = "-p tcp -m tcp --dport 22 -j REJECT"
    module.params = {**PARAMETERS, "ssh_ports": [22], "rules_v4": [{"value": rejected, "origin": "a__rules"}]}
    run.converge(module)
    shadowed, closed = module.warnings
    assert closed == (
        "the new rules close ports at which something listens: tcp:3306 of process 9 (mariadbd); what others shall "
        "reach belongs in iptables_public_tcp_ports, iptables_public_udp_ports or iptables_allowed_hosts"
    )
    assert shadowed.endswith(
        f": the IPv4 rule {rejected!r} never applies: '-p tcp -m tcp --dport 22 -j ACCEPT', ahead of it, "
        "takes all packets that it is about"
    )


@pytest.mark.parametrize("end", ["", ".confirmed", ".running"], ids=["unconfirmed", "confirmed", "being undone"])
@pytest.mark.parametrize("installed", [True, False])
def test_check_mode_touches_nothing(end: str, installed: bool, place: Path) -> None:
    left = place / "runtime" / f"{run.SUBJECT}-rollback{end}"
    left.parent.mkdir()
    left.write_text(script(f"echo undone >{place}/undone\n"))
    module = Module(installed=installed)
    result = run.converge(module)
    assert result["changed"]
    assert [each.name for each in place.rglob("*")] == ["runtime", left.name]
    assert [command for command in module.commands if not command.startswith(READING)] == []
    assert declared.V4.saved in result["changes"]
