"""What every host of the organisation has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host


@pytest.mark.parametrize("package", ["curl", "less", "lsof", "rsync"])
def test_packages(host: Host, package: str) -> None:
    assert host.package(package).is_installed


@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_the_firewall_rejects_what_no_role_opened(host: Host, program: str) -> None:
    rules = host.check_output(f"{program} -S strata-INPUT").splitlines()
    assert " -j REJECT " in rules[-1]
    assert not [rule for rule in rules if "--dport 80 " in rule]
