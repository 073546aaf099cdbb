"""The lines of a known_hosts file: which keys and names of a host stand there, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import filter_loader, lookup_loader

ROOT = Path(__file__).parents[3]

filter_loader.add_directory(str(ROOT / "filter_plugins"))
lookup_loader.add_directory(str(ROOT / "lookup_plugins"))
Lookup = lookup_loader.get("host_key_lines", class_only=True)

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILCVTbqUDaunaRa9TbPxExUoR0+nwzzfslpVjw9DFsia"
SEEN = {"ansible_facts": {"ssh_host_keys": [ONE]}}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(sys.modules[Lookup.__module__].display, "warning", said.append)
    return said


def lines(hostvars: dict[str, dict[str, Any]], *terms: str, **options: Any) -> list[str]:
    groups = {"all": list(hostvars), "web": [name for name in hostvars if name.startswith("web")]}
    return Lookup().run(list(terms or ["all"]), {"hostvars": hostvars, "groups": groups}, **options)


def test_each_host_has_a_line_with_all_its_names() -> None:
    addresses = {"iptables_addresses": ["192.0.2.1", "2001:db8::1"], "known_hosts_names": ["web01.example.org"]}
    found = lines({"web02": SEEN, "web01": SEEN | addresses | {"ansible_host": "192.0.2.1"}}, "web", "all")
    assert found == [f"web01,192.0.2.1,2001:db8::1,web01.example.org {ONE}", f"web02 {ONE}"]


def test_ports_are_those_that_ssh_looks_for() -> None:
    assert lines({"web01": SEEN | {"ansible_port": 2222}}) == [f"[web01]:2222 {ONE}"]
    assert lines({"web01": SEEN | {"sshd_ports": [22, 2222]}}) == [f"web01,[web01]:2222 {ONE}"]


def test_an_address_that_means_every_host_is_left_out() -> None:
    assert lines({"web01": SEEN | {"ansible_host": "127.0.0.1"}}) == [f"web01 {ONE}"]


def test_declared_keys_win() -> None:
    assert lines({"web01": SEEN | {"known_hosts_keys": [f"{TWO} root@web01"]}}) == [f"web01 {TWO}"]


def test_other_servers_of_a_host_have_a_port_and_keys_of_their_own() -> None:
    seen = SEEN | {"iptables_addresses": ["2001:db8::1"]}
    seen["ansible_facts"] = SEEN["ansible_facts"] | {"ssh_services": [{"port": 29418, "keys": [TWO]}]}
    ours = f"web01,2001:db8::1 {ONE}"
    assert lines({"web01": seen}) == [ours, f"[web01]:29418,[2001:db8::1]:29418 {TWO}"]
    declared = seen | {"known_hosts_services": [{"port": 2022, "keys": [ONE]}]}
    assert lines({"web01": declared}) == [ours, f"[web01]:2022,[2001:db8::1]:2022 {ONE}"]


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"ssh_host_keys": ONE}, []),
        ({"ssh_host_keys": 5}, []),
        ({"ssh_host_keys": {"one": ONE}}, []),
        ({"ssh_host_keys": [ONE] * 65}, []),
        ({"ssh_host_keys": ["AAAA", 5, None, [ONE], TWO]}, [f"web02 {TWO}"]),
        ({"ssh_services": 29418}, []),
        ({"ssh_services": ["29418"]}, []),
        ({"ssh_services": [{"port": float("inf"), "keys": []}]}, []),
        ({"ssh_services": [{"port": 91000, "keys": [TWO]}, {"port": 29418, "keys": [TWO]}]}, [f"[web02]:29418 {TWO}"]),
        ({"ssh_services": [{"port": 29418, "keys": ["AAAA"]}, {"port": 29418, "keys": 5}]}, []),
        ("none", []),
        (5, []),
    ],
)
def test_what_one_host_says_wrongly_does_not_end_the_runs_of_others(
    warnings: list[str], facts: Any, kept: list[str]
) -> None:
    assert lines({"web01": SEEN, "web02": {"ansible_facts": facts}}) == [f"web01 {ONE}", *kept]
    assert "web02" in warnings[0]
    assert "left out" in warnings[0]
    assert all(len(warning) < 500 for warning in warnings)


def test_who_was_never_seen_is_named(warnings: list[str]) -> None:
    hostvars = {"web01": SEEN, "web02": {}, "web03": {"ansible_facts": {"ssh_host_keys": []}}}
    assert lines(hostvars) == [f"web01 {ONE}"]
    assert warnings[0].startswith("no SSH key is known of web02, web03: ")
    with pytest.raises(AnsibleLookupError, match="of web02, web03"):
        lines(hostvars, require_all=True)


def test_hosts_outside_of_the_inventory() -> None:
    entry = {"names": ["git.example.org", "[git.example.org]:29418"], "keys": [ONE, TWO], "origin": "x"}
    ca = {"names": ["*.example.org"], "keys": [TWO], "marker": "cert-authority", "origin": "x"}
    assert lines({}, entries=[entry, ca]) == [
        f"git.example.org,[git.example.org]:29418 {ONE}",
        f"git.example.org,[git.example.org]:29418 {TWO}",
        f"@cert-authority *.example.org {TWO}",
    ]


@pytest.mark.parametrize(
    ("hostvars", "options", "said"),
    [
        ({"known_hosts_keys": ["AAAA"]}, {}, "known_hosts_keys of web01: 'AAAA' is not a public key"),
        ({"known_hosts_keys": [ONE[:-8]]}, {}, "known_hosts_keys of web01: "),
        ({"known_hosts_keys": [ONE.replace("ssh-ed25519", "ssh-rsa")]}, {}, "known_hosts_keys of web01: "),
        ({"known_hosts_keys": [f"web02 {ONE}"]}, {}, "known_hosts_keys of web01: "),
        ({"known_hosts_services": [{"port": "x y", "keys": []}]}, {}, "known_hosts_services of web01: .*'x y'"),
        ({"known_hosts_services": ["29418"]}, {}, "known_hosts_services of web01: '29418' has no port"),
        ({"known_hosts_services": [{"port": 91000, "keys": []}]}, {}, "known_hosts_services of web01: .*91000"),
        ({"known_hosts_services": [{"port": 1, "keys": ["AAAA"]}]}, {}, "known_hosts_services of web01: 'AAAA' is not"),
        (SEEN | {"known_hosts_names": ["a,b"]}, {}, "known_hosts_names of web01: 'a,b' is neither"),
        (SEEN | {"ansible_host": "*"}, {}, "known_hosts_names of web01: '\\*' is neither"),
        (SEEN, {"entries": [{"names": ["a b"], "keys": [ONE], "origin": "x"}]}, "x: 'a b' is neither"),
        (SEEN, {"entries": [{"names": ["a"], "keys": ["one"], "origin": "x"}]}, "x: 'one' is not a public key"),
    ],
)
def test_what_ssh_would_misread_is_refused(hostvars: dict[str, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleLookupError, match=said):
        lines({"web01": hostvars}, **options)


def test_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(AnsibleLookupError, match="no group 'wbe': did you mean 'web'"):
        lines({"web01": SEEN}, "wbe")
