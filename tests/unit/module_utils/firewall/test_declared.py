"""What is declared: what is accepted as a chain, a port, a rule, a host or a network, and the rules that come of it."""

import pytest
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.firewall import declared
from ansible.module_utils.strata.firewall.declared import (
    V4,
    V6,
    Allowed,
    check_hosts,
    check_networks,
    desired_rules,
    openings,
)


@pytest.mark.parametrize("name", ["strata-INPUT", "a", "x" * 28])
def test_names_that_a_chain_can_have(name):
    assert declared.check_chain(name) == name


@pytest.mark.parametrize("name", ["", "-x", "two words", "x" * 29, "INPUT", "REJECT", "a\nb"])
def test_names_that_a_chain_cannot_have(name):
    with pytest.raises(DeclarationError, match="chain: "):
        declared.check_chain(name)


def test_ports_are_sorted_and_given_once():
    opened = declared.check_ports("ports", "tcp", ["443", 80, "6000:6010", "0080"])
    rules = [rule.value for rule in declared.desired_rules(V4, opened, []) if rule.origin]
    assert rules == [f"-p tcp -m tcp --dport {port} -j ACCEPT" for port in ("80", "443", "6000:6010")]


@pytest.mark.parametrize("value", ["http", "0", "65536", "10:5", "1:2:3", "-1", "", "80,81", "True", "8 0", "80\n"])
def test_what_is_no_port_is_named(value):
    with pytest.raises(DeclarationError, match=r"^public_tcp_ports: "):
        declared.check_ports("public_tcp_ports", "tcp", [value])


def test_what_is_no_port_is_named_with_its_origin():
    with pytest.raises(DeclarationError, match=r"^web__iptables_public_tcp_ports: 'http' is neither"):
        declared.check_ports("ports", "tcp", [{"value": "http", "origin": "web__iptables_public_tcp_ports"}])


def test_a_rule_that_several_ask_for_names_all_of_them():
    ports = [{"value": 80, "origin": origin} for origin in ("b", "a", "a")]
    opened = declared.check_ports("ports", "tcp", [*ports, "81"])
    assert [rule.origin for rule in declared.desired_rules(V4, opened, []) if rule.origin] == ["a, b", "ports"]


def test_a_rule_keeps_its_origin():
    rules = declared.check_rules(
        V4, "rules_v4", [{"value": " -j ACCEPT\n", "origin": "db__iptables_rules_v4"}, {"value": "-j DROP"}]
    )
    assert [(rule.value, rule.origin) for rule in rules] == [
        ("-j ACCEPT", "db__iptables_rules_v4"),
        ("-j DROP", "rules_v4"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-j ACCEPT\nCOMMIT",
        "-j ACCEPT\n-A INPUT -j DROP",
        "-j\tACCEPT",
        "-A INPUT -j ACCEPT",
        "-AINPUT -j ACCEPT",
        "-t nat -j ACCEPT",
        "-tnat",
        "--table=nat -j ACCEPT",
        "-I INPUT -j ACCEPT",
        "-D INPUT 1",
        "-F",
        "-X other",
        "-N other",
        "-P INPUT DROP",
        "--flush",
        "--policy INPUT DROP",
        "-6 -j ACCEPT",
        "-h",
        "-M /bin/true -j ACCEPT",
    ],
)
def test_a_rule_speaks_of_our_chain_only(value):
    with pytest.raises(DeclarationError, match="db__iptables_rules_v6: the IPv6 rule "):
        declared.check_rules(V6, "rules_v6", [{"value": value, "origin": "db__iptables_rules_v6"}])


@pytest.mark.parametrize(
    "value",
    [
        "-p tcp ! -s 192.0.2.0/24 --dport 5432 -j ACCEPT",
        '-m comment --comment "-A \\"quoted\\" -t" -j ACCEPT',
        "-m policy --pol ipsec --dir in -j ACCEPT",
        "-m statistic --mode random --probability 0.5 -j DROP",
    ],
)
def test_a_rule_may_say_what_iptables_takes(value):
    assert [rule.value for rule in declared.check_rules(V4, "rules_v4", [{"value": value}])] == [value]


@pytest.mark.parametrize("family", [V4, V6])
def test_the_chain_lets_in_what_is_declared_and_rejects_the_rest(family):
    raw = [declared.Rule("-p tcp -s 192.0.2.1 -j ACCEPT", "rules_v4")]
    tcp = declared.check_ports("tcp", "tcp", ["22", "22", "80"])
    rules = [
        rule.value for rule in declared.desired_rules(family, [*tcp, *declared.check_ports("udp", "udp", ["53"])], raw)
    ]
    assert rules[0] == "-i lo -j ACCEPT"
    assert rules[1] == "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    assert rules[-6:] == [
        "-p tcp -m tcp --dport 22 -j ACCEPT",
        "-p tcp -m tcp --dport 80 -j ACCEPT",
        "-p udp -m udp --dport 53 -j ACCEPT",
        "-p tcp -s 192.0.2.1 -j ACCEPT",
        "-p tcp -j REJECT --reject-with tcp-reset",
        f"-j REJECT --reject-with {family.reject}",
    ]
    assert all("icmp" in rule for rule in rules[2:-6])


@pytest.mark.parametrize("family", [V4, V6])
def test_what_is_denied_stands_ahead_of_all_that_is_opened(family):
    first = [declared.Rule("-j LOG", family.first_parameter)]
    denied = declared.check_denied(
        [
            "2001:db8:bad::/48",
            {"value": "203.0.113.9", "origin": "b__iptables_denied_sources"},
            {"value": "203.0.113.9", "origin": "a__iptables_denied_sources"},
            "198.51.100.0/24",
        ]
    )
    found = desired_rules(family, declared.check_ports("tcp", "tcp", ["22"]), [], first=first, denied=denied)
    assert found[:2] == [declared.Rule("-i lo -j ACCEPT"), *first]
    opened = [rule.value for rule in found].index("-p tcp -m tcp --dport 22 -j ACCEPT")
    sources = {
        V4: [
            declared.Rule("-s 198.51.100.0/24 -j DROP", "denied_sources"),
            declared.Rule("-s 203.0.113.9/32 -j DROP", "a__iptables_denied_sources, b__iptables_denied_sources"),
        ],
        V6: [declared.Rule("-s 2001:db8:bad::/48 -j DROP", "denied_sources")],
    }[family]
    assert found[opened - len(sources) : opened] == sources
    assert all("icmp" in rule.value for rule in found[3 : opened - len(sources)])


@pytest.mark.parametrize("value", ["bad.example.org", "192.0.2.1/24", "", "192.0.2.0/33", "fe80::1%eth0/10"])
def test_what_cannot_be_denied_is_named_with_its_origin(value):
    with pytest.raises(DeclarationError, match=r"^a__iptables_denied_sources: "):
        declared.check_denied([{"value": value, "origin": "a__iptables_denied_sources"}])


@pytest.mark.parametrize("family", [V4, V6])
def test_rejects_are_logged_behind_all_that_is_accepted(family):
    raw = [declared.Rule("-p tcp -s 192.0.2.1 -j ACCEPT", "rules_v4")]
    rules, logging = (declared.desired_rules(family, [], raw, log_rejects=log_rejects) for log_rejects in (False, True))
    assert logging == [*rules[:-2], declared.Rule(declared.LOG), *rules[-2:]]


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
        DeclarationError, match=r"^db__iptables_allowed_hosts: .* neither the name of a host nor an address"
    ):
        check_hosts([entry(hostname)])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "ff02::1"])
def test_an_address_that_no_other_host_sends_from_is_refused(address):
    with pytest.raises(DeclarationError, match=r"^db__iptables_allowed_hosts: .* can't be the address of another host"):
        check_hosts([entry(address)])


def test_a_port_that_is_none_is_named_with_its_origin():
    with pytest.raises(DeclarationError, match=r"^db__iptables_allowed_hosts: 'ssh' is neither a port"):
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
        (V4, "192.0.2.1/24", r"is not a network: write 192\.0\.2\.0/24"),
        (V4, "mon.example.org", "is neither an address nor a network"),
        (V4, "", "is neither an address nor a network"),
    ],
)
def test_what_is_no_network_of_the_family_is_named_with_its_origin(family, value, problem):
    with pytest.raises(DeclarationError, match=rf"^mon__iptables_snmp: .*{problem}"):
        check_networks(family, "hosts", [{"value": value, "origin": "mon__iptables_snmp"}])


@pytest.mark.parametrize("hours", [0, -1, 10001])
def test_a_lifetime_that_cannot_be_kept(hours):
    with pytest.raises(DeclarationError, match=f"address_lifetime: {hours} must be 1 to 10000 hours"):
        declared.check_lifetime(hours)
