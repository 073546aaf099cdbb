"""The SSH server as clients meet it, and settings that lock everybody out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import yaml

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plays import Play, Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

DROP_IN = "/etc/ssh/sshd_config.d/00-strata.conf"
DELAY = 5  # seconds; what is to be confirmed has the default of the role
DEFAULT_DELAY = yaml.safe_load((ROOT / "roles/sshd/defaults/main.yml").read_text())["sshd_rollback_delay"]
PATIENCE = 15
TIMER = "strata-sshd-rollback.timer"
NEW = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
LOCKED_OUT = {
    "user": {"sshd_allow_users": ["nobody"]},
    "source": {"sshd_root_sources": ["192.0.2.0/24"]},
    "port": {"sshd_ports": [2222]},
    "algorithm": {"sshd_settings": {"PubkeyAcceptedAlgorithms": "rsa-sha2-512"}},
}

#: The line of each that the failure must name, with the parameter that it comes from.
BLAMED = {
    "user": "added 'AllowUsers nobody' (sshd_allow_users)",
    "source": "added 'PermitRootLogin no' (sshd_root_sources)",
    "port": "added 'Port 2222' (sshd_ports), removed 'Port 22' (sshd_ports)",
    "algorithm": "added 'PubkeyAcceptedAlgorithms rsa-sha2-512' (sshd_settings)",
}


@pytest.fixture
def knock(host: Host, probe: Host, address: str) -> Iterator[Callable[..., str]]:
    """Return a function that logs in from the probe, with a key that root accepts, and returns what ssh says."""
    probe.check_output("test -e /root/trial || ssh-keygen -q -t ed25519 -N '' -C trial -f /root/trial")
    host.check_output("echo %s >> /root/.ssh/authorized_keys", probe.file("/root/trial.pub").content_string)

    def log_in(*options: str) -> str:
        flags = " ".join(f"-o {each}" for each in (*NEW, *options))
        return probe.check_output(f"ssh -n -i /root/trial {flags} {address} echo in 2>&1 || true")

    yield log_in
    host.check_output("sed -i '/ trial$/d' /root/.ssh/authorized_keys")


def effective(host: Host) -> dict[str, str]:
    """Return the settings that sshd works with."""
    return dict(line.split(" ", 1) for line in host.check_output("sshd -T").splitlines() if " " in line)


def test_root_comes_in_with_a_key_and_nobody_with_a_password(knock: Callable[..., str]) -> None:
    assert knock().splitlines()[-1] == "in"
    refused = knock("PubkeyAuthentication=no")
    assert "in" not in refused.splitlines()
    assert "Permission denied (publickey)" in refused


def test_old_algorithms_are_refused(host: Host, knock: Callable[..., str]) -> None:
    settings = effective(host)
    assert "group14" not in settings["kexalgorithms"]
    assert "curve25519-sha256" in settings["kexalgorithms"]
    assert "sha1" not in settings["macs"]
    assert "cbc" not in settings["ciphers"]
    assert "no matching key exchange method" in knock("KexAlgorithms=diffie-hellman-group14-sha256")


def test_root_comes_in_from_its_sources_only(host: Host, rerun: Converge, knock: Callable[..., str]) -> None:
    own = host.check_output("echo $SSH_CONNECTION").split()[0]
    assert rerun(sshd_root_sources=[own, "2001:db8::/32"]).changed == 1
    assert "Permission denied" in knock()
    assert host.check_output("id -un") == "root"


def test_settings_for_some_connections_hold_for_them_only(host: Host) -> None:
    nobody = host.check_output("sshd -T -C user=nobody,host=a.example.org,addr=192.0.2.1")
    assert "forcecommand /bin/false" in nobody
    assert "allowtcpforwarding no" in nobody
    assert effective(host)["allowtcpforwarding"] == "yes"


@pytest.mark.spread
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sshd_settings": {"NoSuchThing": True}}, "Bad configuration option: NoSuchThing"),
        ({"sshd_ciphers": "rot13"}, "Bad SSH2 cipher spec 'rot13'"),
        ({"sshd_match": [{"criteria": "Planet Mars", "settings": {"X11Forwarding": False}}]}, "Match"),
    ],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_what_sshd_refuses_changes_nothing(rerun, fingerprint, values, message, check) -> None:
    before = fingerprint()
    run = rerun(check=check, **values)
    assert run.rc == 2
    assert f"{DROP_IN} is refused by sshd: " in run.said
    assert message in run.said
    assert fingerprint() == before


def test_what_a_site_sets_is_in_force(host: Host, rerun: Converge) -> None:
    free = {"KbdInteractiveAuthentication": True, "UseDNS": True, "LogLevel": "INFO"}
    assert rerun(sshd_settings=free, sshd_allow_groups=["root", "sudo", "domain users"]).rc == 0
    settings = host.check_output("sshd -T").splitlines()
    assert {"kbdinteractiveauthentication yes", "usedns yes", "loglevel INFO"} <= set(settings)
    assert [line.split(" ", 1)[1] for line in settings if line.startswith("allowgroups ")] == [
        "root",
        "sudo",
        "domain users",
    ]


@pytest.mark.spread
@pytest.mark.parametrize(
    ("other", "values", "said"),
    [
        (
            "UseDNS no",
            {"sshd_settings": {"UseDNS": True}},
            "as another file of sshd does, see /etc/ssh/sshd_config: usedns",
        ),
        ("", {"sshd_settings": {"UseLogin": True}}, "Deprecated option UseLogin"),
        ("X11Forwarding yes", {}, "see /etc/ssh/sshd_config: x11forwarding no; nothing was changed"),
    ],
)
def test_a_setting_that_would_not_be_in_force_is_named(
    host: Host, rerun: Converge, other: str, values: dict[str, object], said: str
) -> None:
    host.check_output("echo %s >/etc/ssh/sshd_config.d/00-a.conf", other)
    try:
        run = rerun(**values)
    finally:
        host.check_output("rm /etc/ssh/sshd_config.d/00-a.conf")
    assert (run.rc, said in run.said) == (2, True), run.said


@pytest.mark.spread
def test_a_port_that_is_taken_in_one_family_is_noticed(host: Host, rerun: Converge) -> None:
    take = "import socket, time; s = socket.create_server(('0.0.0.0', 2222)); time.sleep(600)"
    host.check_output("systemd-run --quiet --unit=taker python3 -c %s", take)
    try:
        run = rerun(sshd_ports=[22, 2222])
    finally:
        host.check_output("systemctl stop taker")
    assert (run.rc, "does not listen at tcp:2222: process " in run.said) == (2, True), run.said
    assert "(python3) has tcp:2222 on IPv4" in run.said


@pytest.mark.spread
def test_a_host_that_would_not_read_our_settings_is_named(host: Host, rerun: Converge) -> None:
    host.check_output("sed -i.kept 's/^Include/# Include/' /etc/ssh/sshd_config && rm %s", DROP_IN)
    try:
        run = rerun()
        assert run.rc == 2
        assert "it does not read our settings: put" in run.said
        assert not host.file(DROP_IN).exists
    finally:
        host.check_output("mv /etc/ssh/sshd_config.kept /etc/ssh/sshd_config")


def left(host: Host) -> str:
    """Return what is there of a guard."""
    return host.check_output(
        "find /run/strata /var/lib/strata /etc/systemd/system -name '*sshd-rollback*' 2>/dev/null || true"
    )


def lock_out(host: Host, rerun: Converge, fingerprint: Callable[[], dict[str, str]], how: str, delay: int) -> None:
    """Make a run whose settings lock us out, and assert that nothing of them remains."""
    before, settings = fingerprint(), host.file(DROP_IN).content
    started = time.monotonic()
    run = rerun(sshd_rollback_delay=delay, **LOCKED_OUT[how])
    assert delay < time.monotonic() - started < delay + PATIENCE + 10
    assert run.rc == 2, "failed, not unreachable"
    assert "the new files let no new SSH connection in" in run.said
    assert f"the former ones are back, and the host answers again; what locked us out: {DROP_IN}: " in run.said
    assert (BLAMED[how] in run.said, "Ansible logs in as root at tcp port 22" in run.said) == (True, True), run.said
    assert left(host) == ""
    assert host.run("systemctl is-active %s", TIMER).stdout.strip() == "inactive"
    assert host.file(DROP_IN).content == settings
    after = fingerprint()
    assert {key for key in before | after if before.get(key) != after.get(key)} == {f"path {DROP_IN}"}, "but its time"


@pytest.mark.soak
@pytest.mark.parametrize("how", LOCKED_OUT)
def test_settings_that_lock_us_out_are_taken_back(host: Host, rerun: Converge, fingerprint, how: str) -> None:
    lock_out(host, rerun, fingerprint, how, DELAY)


@pytest.mark.soak(ordinary=0, times=1)
def test_settings_that_lock_us_out_are_taken_back_after_the_default_delay(
    host: Host, rerun: Converge, fingerprint
) -> None:
    lock_out(host, rerun, fingerprint, "user", DEFAULT_DELAY)


@pytest.mark.soak
def test_when_the_run_dies_the_former_settings_come_back(
    host: Host, begin: Callable[..., Play], rerun: Converge
) -> None:
    def settings() -> str:
        try:
            return host.check_output("cat %s", DROP_IN) + left(host)
        except RuntimeError:  # locked out
            return ""

    before = settings()
    play = begin("--skip-tags=apt", sshd_rollback_delay=DELAY, **LOCKED_OUT["user"])
    deadline = time.monotonic() + 60
    while settings() == before:
        assert time.monotonic() < deadline, "the settings did not change"
    play.kill_after(0)
    deadline = time.monotonic() + DELAY + PATIENCE
    while settings() != before:
        assert time.monotonic() < deadline, "the former settings did not come back"
        time.sleep(0.1)
    assert rerun().changed == 0


@pytest.mark.soak
def test_a_reboot_takes_settings_back_that_nobody_confirmed(
    host: Host, begin: Callable[..., Play], rerun: Converge, reboot: Callable[[], None]
) -> None:
    before = host.check_output("cat %s", DROP_IN)
    play = begin("--skip-tags=apt", sshd_rollback_delay=600, **LOCKED_OUT["user"])
    deadline = time.monotonic() + 60
    while True:
        try:
            assert host.check_output("cat %s", DROP_IN) == before
        except (RuntimeError, AssertionError):  # locked out
            break
        assert time.monotonic() < deadline, "the settings did not change"
    play.kill_after(0)
    reboot()
    assert host.check_output("cat %s", DROP_IN) == before
    assert left(host) == ""
    assert rerun().rc == 0, "what the module owed that the reboot killed"
    assert rerun().changed == 0


def test_settings_that_let_us_in_stay(host: Host, rerun: Converge) -> None:
    run = rerun(sshd_settings={"MaxSessions": 7})
    assert (run.rc, run.changed, run.calls) == (0, 1, 3)
    assert effective(host)["maxsessions"] == "7"
    assert host.run("systemctl is-active %s", TIMER).stdout.strip() == "inactive"
    assert rerun(sshd_settings={"MaxSessions": 7}).changed == 0


def test_settings_whose_confirmation_gets_no_answer_stay(host: Host, rerun: Converge, tmp_path: Path) -> None:
    # Takes the place of ssh: the host confirms, and the connection breaks before it says so.
    wrapper, lost = tmp_path / "ssh", tmp_path / "lost"
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in *ControlPath=none*)\n  said=$(ssh "$@")\n  code=$?\n'
        f'  case "$said" in *confirmed*) if [ ! -e {lost} ]; then echo "$said" >{lost}; exit 255; fi;; esac\n'
        '  printf "%s\\n" "$said"\n  exit $code;;\nesac\nexec ssh "$@"\n'
    )
    wrapper.chmod(0o755)
    run = rerun(sshd_settings={"MaxSessions": 8}, ansible_ssh_executable=str(wrapper))
    assert '"confirmed": true' in lost.read_text()
    assert (run.rc, run.changed) == (0, 1), run.output
    assert effective(host)["maxsessions"] == "8"
    assert left(host) == ""
