"""Hosts let in by name, with a name server that answers what each test wants, or not at all."""

import json
import time

import pytest
from packet_filter import MEMORY, knock, ours, result
from plays import SANDBOX

pytestmark = pytest.mark.spread

NAME = "db.example.org"
PORT = 8081
ZONE = "/run/zone.json"

# Answers questions for A and AAAA from the zone, each time in another order; never answers when the zone is null.
SERVER = """
import ipaddress, json, socket, struct, sys
serving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
serving.bind(("0.0.0.0", 53))
turn = 0
while True:
    question, client = serving.recvfrom(512)
    with open(sys.argv[1]) as stream:
        zone = json.load(stream)
    if zone is None:
        continue
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    kind = struct.unpack("!H", question[at + 1 : at + 3])[0]
    turn += 1
    known = zone.get(".".join(labels).lower())
    found = [ipaddress.ip_address(text) for text in known or []]
    found = [address for address in found if kind == {4: 1, 6: 28}[address.version]]
    found = found[turn % len(found) :] + found[: turn % len(found)] if found else []
    head = question[:2] + struct.pack("!HHHHH", 0x8400 | (3 if known is None else 0), 1, len(found), 0, 0)
    body = question[12 : at + 5]
    for address in found:
        body += struct.pack("!HHHLH", 0xC00C, kind, 1, 0, len(address.packed)) + address.packed
    serving.sendto(head + body, client)
"""


@pytest.fixture
def zone(host, probe):
    """Have the host ask a name server on the probe; return a function that sets what it answers."""

    def publish(names):
        probe.check_output("echo %s >/run/zone.new && mv /run/zone.new %s", json.dumps(names), ZONE)

    publish({})
    probe.check_output("systemd-run --quiet --collect --unit=zone python3 -c %s %s", SERVER, ZONE)
    former = host.file("/etc/resolv.conf").content_string
    server = SANDBOX.known()["probe"]["address"]
    # Written in place: in a container, the file is mounted.
    host.check_output("echo %s >/etc/resolv.conf", f"nameserver {server}")
    deadline = time.monotonic() + 60
    while not probe.check_output("ss -Hlun sport = :53"):
        assert time.monotonic() < deadline, "the name server does not listen"
    yield publish
    host.check_output("printf %%s %s >/etc/resolv.conf", former)
    probe.check_output("systemctl stop zone")


@pytest.fixture
def declare(zone, converge):
    """Converge with one port open to names; afterwards to none."""

    def run(*names, **more):
        hosts = [{"hostname": name, "port": PORT} for name in names]
        return converge("--skip-tags=apt", iptables_allowed_hosts=hosts, **more)

    yield run
    zone({})
    assert converge("--skip-tags=apt").rc == 0


def accepts(address):
    return f"-s {address} -p tcp -m tcp --dport {PORT} -j ACCEPT"


def by_name(host):
    """Return the rules for names in force."""
    return [
        rule
        for rule in ours(host)
        if f"--dport {PORT} -j ACCEPT" in rule and rule.startswith("-s ") and "/24" not in rule
    ]


def memory(host):
    return json.loads(host.file(MEMORY).content_string)


def test_a_name_lets_in_its_addresses_of_both_families(host, zone, declare):
    zone({NAME: ["2001:db8::7", "192.0.2.10", "192.0.2.9"]})
    checked = declare(NAME, check=True)
    assert not host.file(MEMORY).exists
    run = declare(NAME)
    assert (run.rc, run.changed, run.calls) == (0, 1, 3)
    assert by_name(host) == [accepts("192.0.2.9/32"), accepts("192.0.2.10/32"), accepts("2001:db8::7/128")]
    assert result(checked)["changes"] == result(run)["changes"]
    assert host.file(MEMORY).mode == 0o600
    again = declare(NAME)
    assert (again.rc, again.changed, again.calls) == (0, 0, 2)
    assert declare().changed == 1
    assert not host.file(MEMORY).exists


def test_the_host_behind_a_name_gets_through(host, zone, declare, probe, address, address6):
    host.check_output("systemd-run --quiet --collect --unit=page python3 -m http.server %s --bind ::", str(PORT))
    try:
        assert [knock(probe, one, PORT) for one in (address, address6)] == ["refused", "refused"]
        known = SANDBOX.known()["probe"]
        zone({NAME: [known["address"], known["address6"]]})
        assert declare(NAME).changed == 1
        deadline = time.monotonic() + 60
        while (found := [knock(probe, one, PORT) for one in (address, address6)]) != ["open", "open"]:
            assert time.monotonic() < deadline, found
    finally:
        host.check_output("systemctl stop page")


def test_a_name_with_addresses_of_one_family_is_enough(host, zone, declare):
    zone({NAME: ["2001:db8::7"], "old.example.org": ["192.0.2.9"]})
    run = declare(NAME, "old.example.org")
    assert (run.rc, run.changed, "WARNING" in run.output) == (0, 1, False)
    assert by_name(host) == [accepts("192.0.2.9/32"), accepts("2001:db8::7/128")]


def test_answers_that_differ_each_time_change_nothing(zone, declare, fingerprint):
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]
    zone({NAME: addresses})
    assert declare(NAME).changed == 1
    before = fingerprint()
    for subset in (addresses, addresses[1:2] + addresses[3:4], addresses[2:3] + addresses[4:]):
        zone({NAME: subset})
        run = declare(NAME)
        assert (run.rc, run.changed, run.calls, "WARNING" in run.output) == (0, 0, 2, False)
    assert fingerprint() == before


def test_a_new_address_is_let_in_and_an_old_one_stays_for_its_lifetime(host, zone, declare):
    zone({NAME: ["192.0.2.1"]})
    assert declare(NAME).changed == 1
    zone({NAME: ["192.0.2.2"]})
    assert declare(NAME).changed == 1
    assert by_name(host) == [accepts("192.0.2.1/32"), accepts("192.0.2.2/32")]
    for hours, kept in ((24, True), (28, False)):
        aged = memory(host)
        aged[NAME]["192.0.2.1"] = int(time.time()) - hours * 3600
        host.check_output("echo %s >%s", json.dumps(aged), MEMORY)
        assert declare(NAME, check=True).changed == int(not kept)
        assert declare(NAME).changed == int(not kept)
        assert (accepts("192.0.2.1/32") in by_name(host)) == kept
    assert list(memory(host)[NAME]) == ["192.0.2.2"]


def test_a_name_that_never_resolved_fails_before_anything_is_touched(zone, declare, fingerprint):
    zone({"known.example.org": ["192.0.2.1"]})
    before = fingerprint()
    run = declare("known.example.org", NAME, iptables_public_tcp_ports=[8090])
    assert run.rc == 2
    assert f"iptables_allowed_hosts: {NAME} does not resolve (it has no addresses)" in run.said
    assert "known.example.org does not" not in run.said
    assert fingerprint() == before


@pytest.mark.parametrize("server", ["silent", "absent"])
def test_without_a_name_server_known_names_keep_their_addresses(host, zone, declare, fingerprint, server):
    zone({NAME: ["192.0.2.1", "2001:db8::1"]})
    assert declare(NAME).changed == 1
    if server == "silent":
        zone(None)
    else:  # an address of the hosts' own network that nobody has
        nobody = SANDBOX.known()["probe"]["address"].rpartition(".")[0] + ".250"
        host.check_output("echo %s >/etc/resolv.conf", f"nameserver {nobody}")
    before = fingerprint()
    start = time.monotonic()
    run = declare(NAME)
    assert time.monotonic() - start < 30
    assert (run.rc, run.changed) == (0, 0)
    assert f"[WARNING]: iptables_allowed_hosts: {NAME} does not resolve" in run.said
    assert "the addresses known so far are kept: 192.0.2.1, 2001:db8::1" in run.said
    never = declare(NAME, "new.example.org", iptables_public_tcp_ports=[8090])
    assert never.rc == 2
    assert "iptables_allowed_hosts: new.example.org does not resolve" in never.said
    assert "nothing was changed" in never.said
    assert fingerprint() == before


def test_a_group_of_the_inventory_is_let_in(host, converge):
    known = SANDBOX.known()["probe"]
    group = {"group": "probes", "port": "8000:8010", "protocol": "udp"}
    rule = "-p udp -m udp --dport 8000:8010 -j ACCEPT"
    assert converge(iptables_allowed_groups=[group]).changed == 1  # the hosts' own name server knows their names
    by_group = [one for one in ours(host) if one.endswith(rule)]
    assert by_group == [f"-s {known['address']}/32 {rule}", f"-s {known['address6']}/128 {rule}"]
    assert converge(iptables_allowed_groups=[group], iptables_addresses=["192.0.2.1"]).changed == 1
    assert [one for one in ours(host) if one.endswith(rule)] == [f"-s 192.0.2.1/32 {rule}"]
    assert converge().changed == 1


def test_a_group_that_is_unknown_or_empty_is_named(converge, fingerprint):
    before = fingerprint()
    run = converge(iptables_allowed_groups=[{"group": "probe", "port": 1}], iptables_public_tcp_ports=[8090])
    assert run.rc == 2
    assert "iptables_allowed_groups: the inventory has no group 'probe': did you mean 'probes'?" in run.said
    assert fingerprint() == before
    run = converge(iptables_allowed_groups=[{"group": "ungrouped", "port": 1}])
    assert (run.rc, run.changed) == (0, 0)
    assert "[WARNING]: iptables_allowed_groups: the group ungrouped has no hosts" in run.said
