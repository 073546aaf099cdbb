"""Rules that lock the control side out, and changes of rules that end in the middle."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml
from packet_filter import DELAY, PENDING, rules, saved_files
from plays import SANDBOX

DEFAULT_DELAY = yaml.safe_load((Path(__file__).parents[3] / "roles/iptables/defaults/main.yml").read_text())[
    "iptables_rollback_delay"
]
PATIENCE = 15
TIMER = "strata-iptables-rollback.timer"
LOCKOUT = "-p tcp -m tcp --dport 22 -j DROP"

# Two sets of rules that differ in both families.
SETS = {"old": {}, "new": {"iptables_public_tcp_ports": [8080, 8090], "iptables_public_udp_ports": []}}


@pytest.fixture(scope="module")
def apply_rules(begin):
    """Start a run of the role alone, without those below it."""
    return lambda *flags, **more: begin("--tags=iptables,fingerprint", *flags, **more)


def silence(target, address, run):
    """Wait for the end of a run; return how many seconds went by, at most, from one new SSH connection to the next."""
    new = ["-o", f"HostName={address}", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ConnectTimeout=1"]
    command = ["ssh", *new, *SANDBOX.ssh_command(target, "true")[1:]]
    longest, last, ended = 0.0, time.monotonic(), False
    deadline = last + 120
    while True:
        let_in = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0
        now = time.monotonic()
        if let_in:
            longest, last = max(longest, now - last), now
            if ended:
                return longest
        assert now < deadline, "the host does not answer again"
        ended = run.process.has_ended()
        time.sleep(0.2)


def lock_out(host, target, address, apply_rules, families, delay):
    """Make a run whose rules drop SSH in some families, by the way of `address`, and assert that nothing remains."""
    drop = {f"iptables_rules_{family}": ["-p tcp --dport 22 -j DROP"] for family in families}
    by = f"-o HostName={address}"
    begun = apply_rules(
        fingerprints=True, iptables_ssh_ports=[2222], iptables_rollback_delay=delay, ansible_ssh_extra_args=by, **drop
    )
    assert 1 < silence(target, address, begun) <= delay + PATIENCE
    run = begun.end()
    assert run.rc == 2, "failed, not unreachable"
    said = run.results[-1]["msg"]
    assert "the former ones are back, and the host answers again; what locked us out: IP" in said
    assert "Ansible's connection needs tcp port 22, which sshd_ports" in said
    assert said.count(f"added '{LOCKOUT}'") == len(families)
    assert "removed '-p tcp -m tcp --dport 22 -j ACCEPT'" in said
    assert host.run("ls /run/strata").stdout == ""
    assert host.run("systemctl is-active %s", TIMER).stdout.strip() == "inactive"
    again = apply_rules(fingerprints=True).end()
    assert again.changed == 0
    assert again.fingerprints[0] == run.fingerprints[0]


@pytest.mark.soak
@pytest.mark.parametrize("families", [["v4"], ["v6"], ["v4", "v6"]], ids="+".join)
def test_rules_that_lock_us_out_are_rolled_back(host, target, address, address6, apply_rules, families):
    lock_out(host, target, address6 if families == ["v6"] else address, apply_rules, families, DELAY)


@pytest.mark.soak(ordinary=0, times=1)
def test_rules_that_lock_us_out_are_rolled_back_after_the_default_delay(host, target, address, apply_rules):
    lock_out(host, target, address, apply_rules, ["v4", "v6"], DEFAULT_DELAY)


def test_rules_that_let_us_in_stay(host, converge):
    lockout_v6 = ["-p tcp --dport 22 -j DROP"]  # we come over IPv4
    run = converge(
        iptables_ssh_ports=[2222], iptables_rules_v6=lockout_v6, iptables_rules_v4=["-p tcp --dport 22 -j ACCEPT"]
    )
    assert (run.rc, run.changed) == (0, 1)
    assert host.run("systemctl is-active %s", TIMER).stdout.strip() == "inactive"
    assert host.run("ls /run/strata").stdout == ""
    assert f"-A strata-INPUT {LOCKOUT}" in rules(host)
    assert LOCKOUT in host.file("/etc/iptables/rules.v6").content_string
    assert converge().changed == 1


@pytest.mark.soak
def test_when_nobody_confirms_the_former_rules_come_back(host, apply_rules, tmp_path):
    before = rules(host), saved_files(host)
    # Takes the place of ssh: kills the run where it is about to confirm.
    wrapper = tmp_path / "ssh"
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in *ControlPath=none*)\n  read -r _ _ _ run _ </proc/$PPID/stat\n'
        '  kill -KILL "$run" "$PPID"\n  exit 1;;\nesac\nexec ssh "$@"\n'
    )
    wrapper.chmod(0o755)
    run = apply_rules(ansible_ssh_executable=str(wrapper), iptables_rollback_delay=DELAY, **SETS["new"])
    assert run.end().rc == -9
    assert any("--dport 8090" in rule for rule in rules(host))
    deadline = time.monotonic() + DELAY + PATIENCE
    while rules(host) != before[0]:
        assert time.monotonic() < deadline, "the former rules did not come back"
        time.sleep(0.2)
    assert saved_files(host) == before[1]
    assert apply_rules(**SETS["new"]).end().changed == 1
    assert "--dport 8090" in host.file("/etc/iptables/rules.v4").content_string
    assert apply_rules().end().changed == 1


def test_rules_that_nobody_confirmed_are_rolled_back_by_the_next_run(host, converge):
    host.check_output("mkdir -p /run/strata && touch /tmp/undone && echo 'rm /tmp/undone \"$0\"' > %s", PENDING)
    assert converge(check=True).changed == 0
    assert host.file("/tmp/undone").exists
    assert converge().changed == 1
    assert not host.file("/tmp/undone").exists
    assert not host.file(PENDING).exists


def state(host):
    """Return, by family, the rules of our chain in the kernel and in the file that is loaded at boot."""
    show = "iptables-save -t filter; echo ===; ip6tables-save -t filter; cd /etc/iptables"
    parts = host.check_output(f"{show}; echo ===; cat rules.v4; echo ===; cat rules.v6").split("===")
    ours = [tuple(line for line in part.splitlines() if line.startswith("-") and "strata" in line) for part in parts]
    return dict(zip(("kernel v4", "kernel v6", "saved v4", "saved v6"), ours, strict=True))


@pytest.fixture(scope="module")
def change(host, apply_rules):
    """Two sets of rules, the state that each makes, and the seconds from one to the other; the first is in force."""
    known, started = {}, time.monotonic()
    for version in ("new", "old"):
        assert apply_rules(**SETS[version]).end().rc == 0
        known[version] = state(host)
    yield {"order": ["old", "new"], "states": known, "seconds": (time.monotonic() - started) / 2}
    assert apply_rules().end().rc == 0


def assert_whole(host, change):
    """Assert that the rules of each family are those of one of both sets."""
    old, new = change["states"].values()
    now = state(host)
    for part, what in now.items():
        assert what in (old[part], new[part]), f"{part} is half-applied"
    return now


def await_decision(host, change, idle):
    """Wait until the change is either confirmed or rolled back, and assert that it is one for both families."""
    deadline = time.monotonic() + DELAY + PATIENCE
    idle()
    while host.run("ls %s %s.running", PENDING, PENDING).stdout:
        assert_whole(host, change)
        assert time.monotonic() < deadline, "neither confirmed nor rolled back"
        time.sleep(0.1)
    assert state(host) in change["states"].values()


def assert_next_run_completes(host, apply_rules, change, wanted):
    """Assert that the next run brings the wanted rules, and that then nothing is left to do."""
    done = apply_rules(**SETS[wanted]).end()
    assert done.rc == 0, done.output
    assert state(host) == change["states"][wanted]
    assert apply_rules(**SETS[wanted]).end().changed == 0
    assert host.run("ls /run/strata").stdout == ""


@pytest.mark.soak(ordinary=5)
def test_run_killed_at_any_moment(host, apply_rules, idle, change, moment, repetition):
    change["order"].reverse()
    wanted = change["order"][0]
    apply_rules(iptables_rollback_delay=DELAY, **SETS[wanted]).kill_after(moment * change["seconds"])
    assert_whole(host, change)
    if repetition[0] % 2:  # else the next run meets what the killed one left at work
        await_decision(host, change, idle)
    assert_next_run_completes(host, apply_rules, change, wanted)


@pytest.mark.soak
def test_module_killed_on_the_host(host, apply_rules, idle, change, moment, repetition, kill_module):
    def start():
        change["order"].reverse()
        return apply_rules(iptables_rollback_delay=DELAY, **SETS[change["order"][0]])

    kill_module(start, PENDING, moment * 0.05 if repetition[0] > 1 else 0)
    assert_whole(host, change)
    await_decision(host, change, idle)
    assert_next_run_completes(host, apply_rules, change, change["order"][0])
