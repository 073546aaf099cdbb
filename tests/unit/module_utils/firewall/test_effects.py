"""What rules do to packets: said only where it is certain."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.firewall import effects
from ansible.module_utils.strata.firewall.plan import NOTHING, Owned, with_jump
from ansible.module_utils.strata.listeners import Port

SSH = "-p tcp -m tcp --dport 22 -j ACCEPT"


@pytest.mark.parametrize(
    ("ahead", "rule"),
    [
        (SSH, "-p tcp -m tcp --dport 22 -j REJECT --reject-with icmp-port-unreachable"),
        (SSH, SSH),
        (SSH, "-s 192.0.2.0/24 -p tcp -m tcp --dport 22 -m limit --limit 10/min -j DROP"),
        (SSH, '-p tcp -m tcp --dport 22 -m comment --comment "-j x" -j DROP'),
        ("-s 192.0.2.0/24 -j DROP", "-s 192.0.2.7/32 -p udp -m udp --dport 161 -j ACCEPT"),
        ("-s 2001:db8::/32 -j DROP", "-s 2001:db8:1::/48 -j ACCEPT"),
        ("-j DROP", "! -s 192.0.2.0/24 -j LOG"),
        ("-p tcp -m multiport --dports 80,6000:6010 -j ACCEPT", "-p tcp -m tcp --dport 6001:6002 -j DROP"),
        ("-p tcp -m tcp --dport 1:1024 -j ACCEPT", "-p tcp -m multiport --dports 22,80 -j DROP"),
        ("-p icmp -m icmp --icmp-type 8 -j ACCEPT", "-s 192.0.2.1/32 -p icmp -m icmp --icmp-type 8 -j DROP"),
    ],
)
def test_a_rule_behind_one_that_takes_all_its_packets_never_applies(ahead: str, rule: str) -> None:
    assert list(effects.never_applied([ahead, rule], [], [])) == [(rule, ahead)]


@pytest.mark.parametrize(
    ("ahead", "rule"),
    [
        (SSH, "-p tcp -m tcp --dport 22:23 -j DROP"),
        (SSH, "-p udp -m udp --dport 22 -j DROP"),
        (SSH, "-p tcp -m tcp --sport 22 -j DROP"),
        (SSH, "-p tcp -m multiport --dports 22,23 -j DROP"),
        ("-s 192.0.2.0/24 -j DROP", "-j ACCEPT"),
        ("-s 192.0.2.0/24 -j DROP", "-s 192.0.0.0/16 -j ACCEPT"),
        ("-s 192.0.2.0/24 -j DROP", "-d 192.0.2.1/32 -j ACCEPT"),
        ("-s 192.0.2.0/24 -j DROP", "! -s 192.0.2.1/32 -j ACCEPT"),
        ("! -s 192.0.2.0/24 -j DROP", "-s 192.0.2.1/32 -j ACCEPT"),
        ("-s 192.0.2.0/24 -j LOG", "-s 192.0.2.1/32 -j ACCEPT"),
        ("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", SSH),
        ("-p tcp -m tcp --dport 22 -m limit --limit 10/min -j ACCEPT", "-p tcp -m tcp --dport 22 -j DROP"),
        ("-p tcp -m tcp --dport 22 -m recent --update --name a --rsource -j DROP", SSH),
        ("-p tcp -m tcp --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", SSH),
        ("-i lo -j ACCEPT", SSH),
        ("-p icmp -m icmp --icmp-type 8 -j ACCEPT", "-p icmp -j DROP"),
        ("-p tcp --dport ssh -j ACCEPT", "-p tcp --dport 22 -j DROP"),
    ],
)
def test_what_may_apply_is_not_told(ahead: str, rule: str) -> None:
    assert list(effects.never_applied([ahead, rule], [], [])) == []


def test_what_ports_and_hosts_open_is_told_only_where_it_is_denied() -> None:
    denied, allowed = "-s 192.0.2.0/24 -j DROP", "-s 192.0.2.7/32 -p tcp -m tcp --dport 22 -j ACCEPT"
    other = "-s 198.51.100.7/32 -p tcp -m tcp --dport 22 -j ACCEPT"
    rejects = ["-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT --reject-with icmp-port-unreachable"]
    rules = [denied, SSH, allowed, other, "-j DROP", *rejects]
    assert list(effects.never_applied(rules, {denied, SSH, allowed, other}, set(rejects))) == [(allowed, denied)]


MYSQL, SNMP = Port("tcp", 3306), Port("udp", 161)
BOTH = {"IPv4", "IPv6"}


def closed(before: Owned, rules: list[str], ports: dict[Port, set[str]], rules6: list[str] | None = None) -> list[Port]:
    after = {"IPv4": with_jump("c", rules), "IPv6": with_jump("c", rules if rules6 is None else rules6)}
    return effects.closed(ports, {"IPv4": before, "IPv6": before}, after)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], [MYSQL, SNMP]),
        ([SSH, "-i lo -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"], [MYSQL, SNMP]),
        (["-p icmp -m icmp --icmp-type 8 -j ACCEPT"], [MYSQL, SNMP]),
        (["-s 192.0.2.0/24 -p tcp -m tcp --dport 3306 -j ACCEPT"], [SNMP]),
        (["-p tcp -m multiport --dports 22,3300:3310 -j ACCEPT"], [SNMP]),
        (["-m set --match-set good src -j ACCEPT"], []),
        (["-p udp -m conntrack --ctstate NEW -j ACCEPT"], [MYSQL]),
    ],
)
def test_ports_that_no_rule_opens_are_closed(rules: list[str], expected: list[Port]) -> None:
    assert closed(NOTHING, rules, {MYSQL: {"IPv4"}, SNMP: BOTH}) == expected


def test_only_what_was_open_is_closed() -> None:
    was = "-p tcp -m tcp --dport 3306 -j ACCEPT"
    assert closed(with_jump("c", []), [], {MYSQL: BOTH}) == []
    assert closed(Owned((), ()), [], {MYSQL: BOTH}) == [MYSQL]
    assert closed(with_jump("c", [was]), [], {MYSQL: BOTH, SNMP: BOTH}) == [MYSQL]


def test_a_port_that_stays_open_in_one_family_is_not_told() -> None:
    rule = "-p tcp -m tcp --dport 3306 -j ACCEPT"
    assert closed(NOTHING, [], {MYSQL: BOTH}, rules6=[rule]) == []
    assert closed(NOTHING, [], {MYSQL: {"IPv4"}}, rules6=[rule]) == [MYSQL]
