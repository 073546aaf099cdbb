"""Whatever is declared, in whatever order: the rules stand in the order in which they have the effect that is meant."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import pytest
from ansible.module_utils.strata.firewall import declared
from ansible.module_utils.strata.firewall.declared import V4, V6, Family, Rule
from hypothesis import given
from hypothesis import strategies as st

#: What a host must answer over IPv6, or it loses it: neighbours and routers (RFC 4890, 4.4.1).
NEEDED = {1, 2, 3, 4, 128, 134, 135, 136}

ports = st.integers(1, 65535).map(str) | st.tuples(st.integers(1, 32000), st.integers(32001, 65535)).map(
    lambda pair: f"{pair[0]}:{pair[1]}"
)
networks4 = st.tuples(st.integers(0, 2**24 - 1), st.just(24)).map(
    lambda pair: f"{ipaddress.ip_address(pair[0] << 8)}/24"
)
networks6 = st.integers(0, 2**32 - 1).map(lambda number: f"{ipaddress.IPv6Address(number << 96)}/32")
hosts = st.fixed_dictionaries(
    {
        "hostname": st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]),
        "port": ports,
        "protocol": st.sampled_from(["tcp", "udp"]),
        "origin": st.sampled_from(["a__iptables_allowed_hosts", "b__iptables_allowed_hosts"]),
    }
)
parameters = st.fixed_dictionaries(
    {
        "ssh_ports": st.lists(ports, max_size=2),
        "public_tcp_ports": st.lists(ports, max_size=4),
        "public_udp_ports": st.lists(ports, max_size=4),
        "snmp_v4hosts": st.lists(networks4, max_size=3),
        "snmp_v6hosts": st.lists(networks6, max_size=3),
        "allowed_hosts": st.lists(hosts, max_size=4),
    }
)
raw_rules = st.lists(st.integers(1, 9).map(lambda number: Rule(f"-s 192.0.2.{number} -j DROP", "raw")), max_size=4)


def rules(family: Family, given_: dict[str, Any], raw: list[Rule], *, log: bool) -> list[str]:
    opened = declared.check_openings(given_)
    opened += declared.openings(declared.check_hosts(given_["allowed_hosts"]), {})
    return [rule.value for rule in declared.desired_rules(family, opened, raw, log_rejects=log)]


@given(given_=parameters, raw=raw_rules, log=st.booleans())
@pytest.mark.parametrize("family", [V4, V6], ids=["v4", "v6"])
def test_each_rule_stands_where_it_has_an_effect(
    family: Family, given_: dict[str, Any], raw: list[Rule], log: bool
) -> None:
    found = rules(family, given_, raw, log=log)
    assert found[:2] == ["-i lo -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"]
    own = [rule.value for rule in raw]
    end = len(found) - 2 - log
    assert found[end - len(own) : end] == own
    assert all("-j REJECT" not in rule and "-j LOG" not in rule for rule in found[:end])
    assert all("-j REJECT" in rule for rule in found[-2:])
    assert ("-j LOG" in found[end]) is log


@given(given_=parameters, raw=raw_rules, seed=st.integers(0, 9))
@pytest.mark.parametrize("family", [V4, V6], ids=["v4", "v6"])
def test_the_order_of_declarations_makes_no_difference(
    family: Family, given_: dict[str, Any], raw: list[Rule], seed: int
) -> None:
    shuffled = {name: random.Random(seed).sample(values, len(values)) for name, values in given_.items()}
    assert rules(family, shuffled, raw, log=False) == rules(family, given_, raw, log=False)


@given(given_=parameters)
def test_both_families_are_open_to_everybody_alike(given_: dict[str, Any]) -> None:
    for parameter, protocol in (("ssh_ports", "tcp"), ("public_tcp_ports", "tcp"), ("public_udp_ports", "udp")):
        for port in given_[parameter]:
            rule = f"-p {protocol} -m {protocol} --dport {port} -j ACCEPT"
            assert all(rule in rules(family, given_, [], log=False) for family in (V4, V6))


@given(given_=parameters)
def test_a_source_is_let_in_over_its_own_family_only(given_: dict[str, Any]) -> None:
    for family in (V4, V6):
        for rule in rules(family, given_, [], log=False):
            if rule.startswith("-s "):
                assert ipaddress.ip_network(rule.split()[1]).version == family.version


def test_the_host_answers_what_ipv6_needs() -> None:
    answered = {int(rule.split("--icmpv6-type ")[1].split()[0]) for rule in V6.icmp}
    assert answered >= NEEDED
