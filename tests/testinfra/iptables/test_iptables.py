"""The firewall as a second machine meets it, and as the kernel has it."""

import re
import time

import pytest
from packet_filter import rules, saved_files

OPEN, CLOSED = 8080, 8081

# Says whether a port is open, refused or silent; whatever answers must do so within two seconds.
ASK = """
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as asking:
    asking.settimeout(2)
    try:
        asking.connect((address, int(port)))
        asking.send(b"ping")
        print("open" if asking.recv(4) == b"ping" else "garbled")
    except ConnectionRefusedError:
        print("refused")
    except TimeoutError:
        print("silent")
"""

# Sends back what comes in, over IPv4 and IPv6.
ECHO = """
import socket, sys
kind, port = sys.argv[1:]
with socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as listening:
    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("::", int(port)))
    if kind == "tcp":
        listening.listen()
    while True:
        if kind == "tcp":
            with listening.accept()[0] as connection:
                connection.sendall(connection.recv(4))
        else:
            listening.sendto(*listening.recvfrom(4))
"""


def ask(machine, kind, address, port):
    """Return the machine's answer; ask again after silence, which a neighbour's new hardware address may cause."""
    deadline = time.monotonic() + 20
    answer = "silent"
    while answer == "silent" and time.monotonic() < deadline:
        answer = machine.check_output("python3 -c %s %s %s %s", ASK, kind, address, str(port))
    return answer


@pytest.fixture
def listeners(host):
    """Start an echo service for TCP and UDP on the open and on the closed port, and know that they answer locally."""
    units = {(kind, port): f"echo-{kind}-{port}" for kind in ("tcp", "udp") for port in (OPEN, CLOSED)}
    for (kind, port), unit in units.items():
        host.check_output("systemd-run --collect --unit=%s python3 -c %s %s %s", unit, ECHO, kind, str(port))
    deadline = time.monotonic() + 60
    waiting = [(kind, address, port) for kind, port in units for address in ("127.0.0.1", "::1")]
    while waiting := [one for one in waiting if ask(host, *one) != "open"]:
        assert time.monotonic() < deadline, f"no answer on loopback from {waiting}"
    yield
    for unit in units.values():
        host.check_output("systemctl stop %s", unit)


@pytest.fixture
def foreign_chain(host):
    """Add a chain of another program and its jump, ahead of ours, in both families."""
    for tool in ("iptables", "ip6tables"):
        host.check_output(
            "%s -N other && %s -A other -p tcp --dport 7 -j DROP && %s -I INPUT -j other", tool, tool, tool
        )
    yield
    for tool in ("iptables", "ip6tables"):
        host.check_output("%s -D INPUT -j other && %s -F other && %s -X other", tool, tool, tool)


@pytest.mark.usefixtures("listeners")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_an_open_port_answers(probe, address, address6, kind):
    assert [ask(probe, kind, one, OPEN) for one in (address, address6)] == ["open", "open"]


@pytest.mark.usefixtures("listeners")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_any_other_port_is_refused_at_once(probe, address, address6, kind):
    assert [ask(probe, kind, one, CLOSED) for one in (address, address6)] == ["refused", "refused"]


@pytest.mark.spread
@pytest.mark.usefixtures("listeners")
def test_ports_that_are_closed_and_rules_that_never_apply_are_told_once(rerun):
    values = {"iptables_public_tcp_ports": [8090], "iptables_rules_v4": ["-p tcp --dport 22 -j REJECT"]}
    for run in (rerun(check=True, **values), rerun(**values)):
        assert (run.rc, run.changed) == (0, 1)
        assert len(re.findall(r"listens: tcp:8080 of process [0-9]+ [(]python3[)]; what others", run.said)) == 1
        assert run.said.count("iptables_rules_v4: the IPv4 rule '-p tcp -m tcp --dport 22 -j REJECT") == 1
        assert "never applies: '-p tcp -m tcp --dport 22 -j ACCEPT', ahead of it" in run.said


def test_a_raw_rule_is_in_force(host):
    assert "-A strata-INPUT -s 198.51.100.0/24 -p tcp -m tcp --dport 8081 -j ACCEPT" in rules(host)


def test_rejects_are_logged_just_before_they_happen(host):
    ours = [rule for rule in rules(host) if rule.startswith("-A strata-INPUT")]
    log = '-A strata-INPUT -m limit --limit 10/min -j LOG --log-prefix "strata-reject: "'
    rejects = [number for number, rule in enumerate(ours) if "-j REJECT --reject-with tcp-reset" in rule]
    assert [ours[number - 1] for number in rejects] == [log, log]


def test_the_unit_that_loads_the_rules_is_enabled(host):
    assert host.service("netfilter-persistent").is_enabled


@pytest.mark.usefixtures("foreign_chain")
def test_jumps_of_others_stay_first(host, converge):
    expected = ["-A INPUT -j other", "-A INPUT -j strata-INPUT"] * 2
    assert [line for line in rules(host) if line.startswith("-A INPUT")] == expected
    assert [(run.rc, run.changed) for run in (converge(check=True), converge())] == [(0, 0)] * 2
    for tool in ("iptables", "ip6tables"):
        host.check_output("%s -D INPUT -j strata-INPUT; %s -I INPUT -j strata-INPUT", tool, tool)
    assert [(run.rc, run.changed) for run in (converge(check=True), converge())] == [(0, 1)] * 2
    now = rules(host)
    assert [line for line in now if line.startswith("-A INPUT")] == expected
    assert now.count("-A other -p tcp -m tcp --dport 7 -j DROP") == 2


def test_rules_of_others_that_let_packets_in_come_behind_ours(host, converge):
    host.check_output("iptables -N opens && iptables -A opens -j ACCEPT && iptables -I INPUT -j opens")
    try:
        assert (converge().changed, converge().changed) == (1, 0)
        now = [line for line in rules(host) if line.startswith("-A INPUT")][:2]
    finally:
        host.check_output("iptables -D INPUT -j opens && iptables -F opens && iptables -X opens")
    assert now == ["-A INPUT -j strata-INPUT", "-A INPUT -j opens"]


@pytest.mark.usefixtures("foreign_chain")
def test_loading_the_saved_rules_keeps_those_of_others(host, converge):
    host.check_output("systemctl restart netfilter-persistent")
    assert "-A other -p tcp -m tcp --dport 7 -j DROP" in rules(host)
    assert converge().rc == 0


def test_a_rule_added_by_hand_is_removed(host, converge):
    before = rules(host)
    host.check_output("iptables -I strata-INPUT -p tcp --dport %s -j ACCEPT", str(CLOSED))
    host.check_output("ip6tables -A INPUT -j strata-INPUT")
    by_hand = rules(host)
    checked = converge(check=True)
    assert (checked.rc, checked.changed) == (0, 1)
    assert rules(host) == by_hand
    run = converge()
    assert (run.rc, run.changed) == (0, 1)
    assert rules(host) == before


def test_saved_files_changed_by_hand_are_put_right(host, converge):
    before = host.file("/etc/iptables/rules.v6").content
    host.check_output("netfilter-persistent save")
    assert host.file("/etc/iptables/rules.v6").content != before
    assert converge().changed == 1
    assert host.file("/etc/iptables/rules.v6").content == before


@pytest.mark.spread
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_a_rule_that_iptables_refuses_changes_nothing(host, converge, family):
    before = rules(host), saved_files(host)
    bad = "-p tcp --dport nonesuch -j ACCEPT"
    run = converge(**{f"iptables_rules_{family}": [bad], "iptables_public_tcp_ports": [OPEN, 8090]})
    assert run.rc != 0
    assert f"iptables_rules_{family}: " in run.said
    assert f"refuses the rule '{bad}'" in run.said
    assert "invalid port/service" in run.said
    assert (rules(host), saved_files(host)) == before


def test_when_ipv6_fails_ipv4_is_put_back(host, converge):
    before = rules(host), saved_files(host)
    # Fails only where rules are to be put in force, so that IPv4 has been changed by then.
    wrapper = (
        'case "$*" in *--test*) ;; *--noflush*) cat >/dev/null; echo "out of luck" >&2; exit 1;; esac\n'
        'exec /usr/sbin/ip6tables-restore "$@"'
    )
    host.check_output("echo %s > /usr/local/sbin/ip6tables-restore", f"#!/bin/sh\n{wrapper}")
    host.check_output("chmod 755 /usr/local/sbin/ip6tables-restore")
    try:
        run = converge(iptables_public_tcp_ports=[OPEN, 8090])
    finally:
        host.check_output("rm /usr/local/sbin/ip6tables-restore")
    assert run.rc != 0
    assert "ip6tables-restore: out of luck; everything is as it was before" in run.said
    assert (rules(host), saved_files(host)) == before


def test_the_rules_are_in_force_after_a_reboot(host, reboot, converge):
    before = rules(host)
    reboot()
    assert [line for line in rules(host) if "strata-INPUT" in line] == [
        line for line in before if "strata-INPUT" in line
    ]
    assert converge().changed == 0
