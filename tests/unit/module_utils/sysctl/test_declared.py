"""Settings of the kernel as they are declared."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.sysctl.declared import Setting, dotted, slashed, text


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_a_name_has_two_forms(name: str, path: str) -> None:
    assert slashed(name) == path
    assert slashed(dotted(path)) == path


def test_the_file_has_the_form_of_sysctl_conf() -> None:
    wanted = [Setting("net/ipv4/conf/eth0.100/forwarding", "1"), Setting("net/none", "1 2", optional=True)]
    expected = "# Strata keeps this file.\nnet.ipv4.conf.eth0/100.forwarding = 1\n-net.none = 1 2\n"
    assert text(wanted) == expected
