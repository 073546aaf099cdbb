"""All parameters of the role together: check mode touches nothing and predicts; and what of other programs survives."""

import pytest
import yaml
from packet_filter import ours, result
from plays import SANDBOX

from strata.paths import ROOT

pytestmark = pytest.mark.spread

# Two sets of values that differ from molecule.yml's and from each other in everything that makes rules.
CHOICES = [
    {
        "iptables_ssh_ports": [22, 2222],
        "iptables_public_tcp_ports": [8090, "9000:9001"],
        "iptables_public_udp_ports": [53],
        "iptables_snmp_v4hosts": ["192.0.2.1", "198.51.100.0/24"],
        "iptables_snmp_v6hosts": ["2001:db8::/32"],
        "iptables_allowed_hosts": [
            {"hostname": "probe", "port": 5432},
            {"hostname": "2001:db8::9", "port": "1:9", "protocol": "udp"},
        ],
        "iptables_allowed_groups": [{"group": "probes", "port": 5433}],
        "iptables_addresses": ["192.0.2.200", "2001:db8::200"],
        "iptables_address_lifetime": 48,
        "iptables_denied_sources": ["203.0.113.9", "2001:db8:bad::/48"],
        "iptables_first_rules_v4": ["-p tcp -s 203.0.113.10 --dport 8083 -j DROP"],
        "iptables_first_rules_v6": ["-p tcp -s 2001:db8:bad::10 --dport 8083 -j DROP"],
        "iptables_rules_v4": ["-p tcp -s 203.0.113.0/24 --dport 8082 -j ACCEPT"],
        "iptables_rules_v6": ["-p tcp -s 2001:db8:1::/48 --dport 8082 -j ACCEPT"],
        "iptables_log_rejects": False,
        "iptables_rollback_delay": 0,
        "iptables_witnesses": [],
    },
    {
        "iptables_ssh_ports": ["20:30"],
        "iptables_public_tcp_ports": [],
        "iptables_public_udp_ports": [],
        "iptables_snmp_v4hosts": [],
        "iptables_snmp_v6hosts": ["2001:db8::1"],
        "iptables_allowed_hosts": [],
        "iptables_allowed_groups": [],
        "iptables_addresses": [],
        "iptables_address_lifetime": 1,
        "iptables_denied_sources": ["203.0.113.0/24"],
        "iptables_first_rules_v4": [],
        "iptables_first_rules_v6": [],
        "iptables_rules_v4": [],
        "iptables_rules_v6": [],
        "iptables_log_rejects": False,
        "iptables_rollback_delay": 30,
        "iptables_witnesses": ["probe"],
    },
]


def parameters():
    specs = yaml.safe_load((ROOT / "roles/iptables/meta/argument_specs.yml").read_text())
    return {name for name in specs["argument_specs"]["main"]["options"] if "__" not in name}


def test_check_mode_of_every_parameter_touches_nothing_and_predicts(host, rerun, fingerprint):
    assert [set(values) for values in CHOICES] == [parameters()] * len(CHOICES)
    former = ours(host)
    before = fingerprint()
    for values in [*CHOICES, {}]:
        checked = rerun(check=True, **values)
        assert fingerprint() == before
        run = rerun(**values)
        assert (run.rc, run.changed) == (checked.rc, checked.changed) == (0, 1)
        predicted = result(checked)["changes"]
        assert predicted == result(run)["changes"] != []
        after = fingerprint()
        touched = {key for key in before | after if before.get(key) != after.get(key)}
        assert {f"path {one}" for one in predicted if one.startswith("/")} <= touched
        before = after
    assert ours(host) == former


def test_every_parameter_makes_its_rules(host, rerun):
    assert rerun(**CHOICES[0]).changed == 1
    probe = SANDBOX.known()["probe"]
    tcp, udp = "-p tcp -m tcp --dport", "-p udp -m udp --dport"
    both = [f"{tcp} {port} -j ACCEPT" for port in (22, 2222, 8090, "9000:9001")] + [f"{udp} 53 -j ACCEPT"]
    found = [rule for rule in ours(host) if "dport" in rule or "-j DROP" in rule]
    assert found == [
        f"-s 203.0.113.10/32 {tcp} 8083 -j DROP",
        "-s 203.0.113.9/32 -j DROP",
        *both,
        f"-s 192.0.2.1/32 {udp} 161 -j ACCEPT",
        f"-s 198.51.100.0/24 {udp} 161 -j ACCEPT",
        f"-s 192.0.2.200/32 {tcp} 5433 -j ACCEPT",
        f"-s {probe['address']}/32 {tcp} 5432 -j ACCEPT",
        f"-s 203.0.113.0/24 {tcp} 8082 -j ACCEPT",
        f"-s 2001:db8:bad::10/128 {tcp} 8083 -j DROP",
        "-s 2001:db8:bad::/48 -j DROP",
        *both,
        f"-s 2001:db8::/32 {udp} 161 -j ACCEPT",
        f"-s 2001:db8::9/128 {udp} 1:9 -j ACCEPT",
        f"-s 2001:db8::200/128 {tcp} 5433 -j ACCEPT",
        f"-s {probe['address6']}/128 {tcp} 5432 -j ACCEPT",
        f"-s 2001:db8:1::/48 {tcp} 8082 -j ACCEPT",
    ]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"iptables_snmp_v4hosts": ["2001:db8::/32"]},
            "iptables_snmp_v4hosts: 2001:db8::/32 is of IPv6, but snmp_v4hosts takes IPv4: declare it for snmp_v6hosts",
        ),
        ({"iptables_public_tcp_ports": ["http"]}, "iptables_public_tcp_ports http: ports go from 1 to 65535"),
    ],
)
def test_a_wrong_value_is_named_with_the_variable(rerun, values, problem):
    run = rerun(check=True, **values)
    assert run.rc == 2
    assert problem in run.said


# As fail2ban, podman and a person leave them.
FOREIGN = """
iptables -N f2b-sshd
iptables -A f2b-sshd -s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable
iptables -A f2b-sshd -j RETURN
iptables -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -t nat -N NETAVARK-1
iptables -t nat -A NETAVARK-1 -d 10.88.0.0/16 -j ACCEPT
iptables -t nat -A NETAVARK-1 ! -d 224.0.0.0/4 -j MASQUERADE
iptables -t nat -A POSTROUTING -s 10.88.0.0/16 -j NETAVARK-1
iptables -t nat -A PREROUTING -p tcp --dport 8443 -j DNAT --to-destination 10.88.0.2:443
iptables -A FORWARD -d 10.88.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A OUTPUT -d 203.0.113.10/32 -j DROP
ip6tables -N by-hand
ip6tables -A by-hand -s 2001:db8:9::/48 -j DROP
ip6tables -A INPUT -j by-hand
"""

AWAY = """
iptables -D INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -F f2b-sshd; iptables -X f2b-sshd
iptables -t nat -F; iptables -t nat -X
iptables -F FORWARD; iptables -F OUTPUT
ip6tables -D INPUT -j by-hand; ip6tables -F by-hand; ip6tables -X by-hand
"""


@pytest.fixture
def _rules_of_others(host):
    host.check_output("sh -ec %s", FOREIGN)
    yield
    host.check_output("sh -ec %s", AWAY)


@pytest.mark.usefixtures("_rules_of_others")
def test_chains_of_others_and_nat_survive_a_change(host, rerun):
    def others():
        saved = host.check_output("iptables-save; ip6tables-save").splitlines()
        return [line for line in saved if line.startswith(("-A", "*")) and "strata-INPUT" not in line]

    before = others()
    assert len([line for line in before if line.startswith("-A")]) >= 11
    assert rerun(iptables_public_tcp_ports=[8090]).changed == 1
    assert others() == before
    assert rerun().changed == 1
    assert others() == before
