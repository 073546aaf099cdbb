"""Who may reach a port: what is accepted as a host or a network, and the rules that come of it."""

import pytest
from ansible.module_utils.strata.firewall.openings import Allowed, check_hosts, check_networks, openings
from ansible.module_utils.strata.firewall.rules import V4, V6, FirewallError, desired_rules


def entry(hostname, port="5432", **others):
    return {"hostname": hostname, "port": port, "origin": "db__iptables_allowed_hosts", **others}


def rules(family, found):
    return [rule.value for rule in desired_rules(family, found, []) if rule.origin]


def test_addresses_of_each_family_are_let_in_over_it():
    allowed = check_hosts([entry("b.example.org"), entry("2001:DB8:0::2", 53, protocol="udp"), entry("192.0.2.10")])
    found = openings(allowed, {"b.example.org": ["2001:db8::1", "192.0.2.9", "127.0.1.1", "0.0.0.0"]})
    assert rules(V4, found) == [
        "-s 192.0.2.9/32 -p tcp -m tcp --dport 5432 -j ACCEPT",
        "-s 192.0.2.10/32 -p tcp -m tcp --dport 5432 -j ACCEPT",
    ]
    assert rules(V6, found) == [
        "-s 2001:db8::1/128 -p tcp -m tcp --dport 5432 -j ACCEPT",
        "-s 2001:db8::2/128 -p udp -m udp --dport 53 -j ACCEPT",
    ]


def test_neither_the_order_of_declarations_nor_that_of_addresses_makes_a_difference():
    entries = [entry("a.example.org"), entry("b.example.org", "80:90"), entry("192.0.2.1")]
    orders = [
        openings(check_hosts(order), {"a.example.org": addresses, "b.example.org": ["192.0.2.3"]})
        for order, addresses in [(entries, ["192.0.2.2", "192.0.2.4"]), (entries[::-1], ["192.0.2.4", "192.0.2.2"])]
    ]
    assert orders[0] == orders[1]


def test_a_name_is_one_name_however_it_is_written():
    assert check_hosts([entry("DB.example.org.")]) == [
        Allowed("db.example.org", "tcp", (5432, 5432), "db__iptables_allowed_hosts")
    ]


@pytest.mark.parametrize(
    "hostname",
    ["", "two words", "-a", "a-", "a..b", "192.0.2", "0x7f000001", "a.0x1", "1", "192.0.2.1/24", "fe80::1%eth0",
     "a\nb", "ä.example.org", "x" * 64, ".".join(["x" * 60] * 5), "$(reboot)"],
)  # fmt: skip
def test_what_is_no_host_is_named_with_its_origin(hostname):
    with pytest.raises(
        FirewallError, match=r"^db__iptables_allowed_hosts: .* neither the name of a host nor an address"
    ):
        check_hosts([entry(hostname)])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "ff02::1"])
def test_an_address_that_no_other_host_sends_from_is_refused(address):
    with pytest.raises(FirewallError, match=r"^db__iptables_allowed_hosts: .* can't be the address of another host"):
        check_hosts([entry(address)])


def test_a_port_that_is_none_is_named_with_its_origin():
    with pytest.raises(FirewallError, match=r"^db__iptables_allowed_hosts: 'ssh' is neither a port"):
        check_hosts([entry("192.0.2.1", "ssh")])


def test_networks_may_ask_for_snmp():
    found = check_networks(V4, "snmp_v4hosts", ["192.0.2.128/25", "192.0.2.1"])
    assert rules(V4, found) == [
        "-s 192.0.2.1/32 -p udp -m udp --dport 161 -j ACCEPT",
        "-s 192.0.2.128/25 -p udp -m udp --dport 161 -j ACCEPT",
    ]
    assert rules(V6, found) == []
    assert rules(V6, check_networks(V6, "snmp_v6hosts", ["::/0"])) == ["-p udp -m udp --dport 161 -j ACCEPT"]


@pytest.mark.parametrize(
    ("family", "value", "problem"),
    [
        (V4, "2001:db8::/32", "is of IPv6, but hosts takes IPv4: declare it for snmp_v6hosts"),
        (V6, "192.0.2.1", "is of IPv4, but hosts takes IPv6: declare it for snmp_v4hosts"),
        (V4, "192.0.2.1/24", r"is no network: write 192\.0\.2\.0/24"),
        (V4, "mon.example.org", "is neither an address nor a network"),
        (V4, "", "is neither an address nor a network"),
    ],
)
def test_what_is_no_network_of_the_family_is_named_with_its_origin(family, value, problem):
    with pytest.raises(FirewallError, match=rf"^mon__iptables_snmp: .*{problem}"):
        check_networks(family, "hosts", [{"value": value, "origin": "mon__iptables_snmp"}])
