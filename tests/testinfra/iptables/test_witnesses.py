"""Rules are confirmed by other hosts, where the control side's own connection proves nothing or witnesses are named."""

import re
import socket
import subprocess
import time

import pytest
import yaml
from packet_filter import MEMORY, ours
from plays import SANDBOX

from strata.sandbox.podman import require

pytestmark = pytest.mark.spread

ALL_LOCKED_OUT = {
    "iptables_ssh_ports": [2222],
    "iptables_rules_v4": ["-p tcp --dport 22 -j DROP"],
    "iptables_rules_v6": ["-p tcp --dport 22 -j DROP"],
}


@pytest.fixture
def visits(host):
    """Return a function that counts the connections to the host's SSH server that the probe has begun since."""
    rule = f"INPUT -s {SANDBOX.known()['probe']['address']} -p tcp --dport 22 --syn"
    host.check_output(f"iptables -t mangle -A {rule}")
    yield lambda: int(host.check_output("iptables -t mangle -nvxL INPUT | tail -n 1").split()[0])
    host.check_output(f"iptables -t mangle -D {rule}")


@pytest.fixture
def loopback(target, address, tmp_path):
    """Have Ansible reach the host as a bastion reaches itself: at its own address, from loopback to loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tunnel = subprocess.Popen(
        ["ssh", "-F", str(SANDBOX.ssh_config), "-oControlPath=none", "-NL", f"127.0.0.1:{port}:localhost:22", target]
    )
    deadline = time.monotonic() + 60
    while not _listens(port):
        assert tunnel.poll() is None, "the tunnel ended"
        assert time.monotonic() < deadline, "the tunnel does not listen"
        time.sleep(0.1)
    here = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_ssh_extra_args": f"-o HostKeyAlias={target}"}
    inventory = tmp_path / "loopback.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {target: {**here, "iptables_addresses": [address]}}}}))
    yield f"--inventory={inventory}"
    tunnel.terminate()
    tunnel.wait()


def _listens(port):
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_a_witness_that_is_let_in_is_asked_before_rules_are_kept(host, address, rerun, visits):
    values = {"iptables_witnesses": ["probe"], "iptables_rollback_delay": 30, "iptables_public_tcp_ports": [8090]}
    run = rerun(iptables_addresses=[address], **values)
    assert (run.rc, run.changed, run.calls) == (0, 1, 4)
    assert visits() > 0
    assert "-p tcp -m tcp --dport 8090 -j ACCEPT" in ours(host)
    assert "--dport 8090" in host.file("/etc/iptables/rules.v4").content_string
    once = visits()
    again = rerun(**values)
    assert (again.rc, again.changed, again.calls, visits()) == (0, 0, 2, once)


def test_rules_that_lock_only_the_witness_out_are_taken_back(host, rerun, fingerprint):
    probe = SANDBOX.known()["probe"]
    before = fingerprint()
    start = time.monotonic()
    run = rerun(
        iptables_witnesses=["probe"],
        iptables_rollback_delay=60,
        iptables_ssh_ports=[2222],
        iptables_allowed_hosts=[{"hostname": "probe", "port": 8090}],
        iptables_rules_v4=[f"-p tcp -s {probe['address']} --dport 22 -j DROP", "-p tcp --dport 22 -j ACCEPT"],
        iptables_rules_v6=[f"-p tcp -s {probe['address6']} --dport 22 -j DROP", "-p tcp --dport 22 -j ACCEPT"],
    )
    assert time.monotonic() - start < 55, "rolled back at once, not by the timer"
    assert run.rc == 2
    said = run.said
    assert "(the witness probe got no answer: Timeout" in said
    assert "the former ones are back, and the host answers again" in said
    assert f"added '-s {probe['address']}/32 -p tcp -m tcp --dport 22 -j DROP' (iptables_rules_v4)" in said
    assert f"added '-s {probe['address6']}/128 -p tcp -m tcp --dport 8090 -j ACCEPT' (iptables_allowed_hosts)" in said
    assert "added '-p tcp -m tcp --dport 2222 -j ACCEPT' (ssh_ports)" in said
    assert not host.file(MEMORY).exists
    assert fingerprint() == before


@pytest.fixture
def gone(tmp_path):
    """Have the inventory know a host `gone` at which no SSH server answers."""
    inventory = tmp_path / "gone.yml"
    place = {"ansible_host": SANDBOX.known()["probe"]["address"], "ansible_port": 9}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"gone": place}}}))
    return f"--inventory={inventory}"


def test_when_no_witness_can_be_reached_the_rules_are_taken_back(rerun, gone, address, fingerprint):
    before = fingerprint()
    run = rerun(gone, iptables_witnesses=["gone"], iptables_addresses=[address], iptables_public_tcp_ports=[8090])
    assert run.rc == 2
    assert "the witness gone got no answer: " in run.said
    assert "the former ones are back" in run.said
    assert fingerprint() == before


def test_another_witness_answers_for_one_that_cannot_be_reached(host, rerun, gone, address):
    witnesses = {"iptables_witnesses": ["gone", "probe"], "iptables_addresses": [address]}
    assert rerun(gone, iptables_public_tcp_ports=[8090], **witnesses).changed == 1
    assert "-p tcp -m tcp --dport 8090 -j ACCEPT" in ours(host)


def test_a_host_that_ansible_runs_on_is_recognised_and_its_own_word_not_trusted(rerun, loopback):
    run = rerun(loopback, iptables_public_tcp_ports=[8090])
    assert (run.rc, run.changed) == (0, 1)
    assert "[WARNING]: the new rules of the firewall were confirmed by the host itself" in run.said
    assert "name other hosts of the inventory in iptables_witnesses" in run.said
    assert rerun(loopback, iptables_witnesses=["probe"]).changed == 1


def test_a_host_that_ansible_runs_on_is_saved_by_a_witness(rerun, loopback, fingerprint):
    before = fingerprint()
    run = rerun(loopback, iptables_witnesses=["probe"], iptables_rollback_delay=60, **ALL_LOCKED_OUT)
    assert run.rc == 2
    assert "(the witness probe got no answer: Timeout" in run.said
    assert "the former ones are back" in run.said
    warnings = re.findall(r"WARNING\]: ([^:]*): tcp:22 of process", run.output)
    assert warnings == ["the new rules close ports at which something listens"] * run.output.count("WARNING")
    assert fingerprint() == before


@pytest.fixture
def exec_only(target, monkeypatch, tmp_path, address):
    """Have Ansible reach the host without SSH, as `connection: local` would."""
    require()
    plugins = tmp_path / "connection_plugins"
    plugins.mkdir()
    (plugins / "podman_exec.py").write_text(PODMAN_EXEC)
    monkeypatch.setenv("ANSIBLE_CONNECTION_PLUGINS", str(plugins))
    inventory = tmp_path / "exec.yml"
    here = {"ansible_connection": "podman_exec", "ansible_pipelining": True, "iptables_addresses": [address]}
    here["podman_container"] = SANDBOX._container(target)
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {target: here}}}))
    return f"--inventory={inventory}"


PODMAN_EXEC = '''
"""Run commands in a container."""

DOCUMENTATION = """
name: podman_exec
short_description: Run commands in a container
description: Run commands in a container.
author: Strata contributors
extends_documentation_fragment: connection_pipelining
options:
  container:
    description: Its name.
    vars: [{name: podman_container}]
"""

import subprocess

from ansible.plugins.connection import ConnectionBase


class Connection(ConnectionBase):
    transport = "podman_exec"
    has_pipelining = True

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        command = ["podman", "exec", "-i", self.get_option("container"), "/bin/sh", "-c", cmd]
        done = subprocess.run(command, input=in_data, capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        raise NotImplementedError

    def fetch_file(self, in_path, out_path):
        raise NotImplementedError

    def close(self):
        pass
'''


def test_without_ssh_a_change_warns_unless_there_are_witnesses(rerun, exec_only):
    run = rerun(exec_only, iptables_public_tcp_ports=[8090])
    assert (run.rc, run.changed) == (0, 1)
    assert "the firewall was changed without a rollback: over the connection 'podman_exec'" in run.said
    assert "iptables_witnesses" in run.said
    run = rerun(exec_only, iptables_witnesses=["probe"])
    assert (run.rc, run.changed, "WARNING" in run.output) == (0, 1, False)


def test_without_ssh_a_witness_takes_rules_back(rerun, exec_only, fingerprint):
    before = fingerprint()
    run = rerun(exec_only, iptables_witnesses=["probe"], iptables_rollback_delay=60, **ALL_LOCKED_OUT)
    assert run.rc == 2
    assert "(the witness probe got no answer: Timeout" in run.said
    assert fingerprint() == before


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"iptables_witnesses": ["nobody"]}, "iptables_witnesses: the inventory has no host 'nobody'"),
        (
            {"iptables_witnesses": ["probe"], "iptables_addresses": ["127.0.0.1"]},
            "set iptables_addresses of",
        ),
    ],
)
def test_witnesses_that_cannot_be_asked_are_named_before_anything_is_touched(rerun, fingerprint, values, problem):
    before = fingerprint()
    run = rerun(iptables_public_tcp_ports=[8090], **values)
    assert run.rc == 2
    assert problem in run.said
    assert fingerprint() == before
