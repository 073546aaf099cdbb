"""Hosts know each other's SSH keys, from what runs have seen, and refuse others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from plays import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

FILE = "/etc/ssh/ssh_known_hosts"

#: Let in by the key of the host, and then turned away, as there is no key to log in with.
TRUSTED = "Permission denied"
UNTRUSTED = "Host key verification failed"

#: A second SSH server, with a key that nobody has seen.
IMPOSTOR = """
mkdir -p /run/sshd && rm -f /root/impostor* && ssh-keygen -q -t ed25519 -N '' -f /root/impostor
systemd-run --quiet --collect --unit=impostor /usr/sbin/sshd -D -p 2222 -h /root/impostor
until ss -Hltn sport = 2222 | grep -q .; do sleep 0.1; done
cut -d' ' -f1,2 /root/impostor.pub
"""


def knock(host: Host, *arguments: str) -> str:
    """Return the last word of ssh, which has no key to log in with and no known hosts but the system's."""
    options = "-o UserKnownHostsFile=/dev/null -o IdentityFile=/dev/null"
    return host.run(f"ssh -n {options} {' '.join(arguments)} true || :").stderr.splitlines()[-1]


@pytest.fixture(scope="session")
def impostor(probe: Host) -> Iterator[str]:
    """The key of a server on the probe that pretends, at port 2222, to be the probe."""
    yield probe.check_output(IMPOSTOR)
    probe.check_output("systemctl stop impostor")


def test_hosts_that_runs_have_seen_are_known_by_name_and_address(host: Host, target: str) -> None:
    other = {"deb13": "deb12", "deb12": "deb13"}[target]
    for name in (other, "probe"):
        places = (name, SANDBOX.known()[name]["address"], SANDBOX.known()[name]["address6"])
        assert all(TRUSTED in knock(host, place) for place in places)
    assert SANDBOX.known()["probe"]["host_key"] in host.file(FILE).content_string
    assert host.run(f"ssh-keygen -F '[git.example.org]:29418' -f {FILE}").rc == 0


def test_others_are_refused_without_a_question(host: Host, impostor: str) -> None:
    assert impostor
    assert UNTRUSTED in knock(host, "localhost")
    changed = knock(host, "-p", "2222", "-o", "HostKeyAlias=probe", "probe")
    assert UNTRUSTED in changed


def test_declared_keys_win_over_seen_ones(host: Host, rerun: Converge, impostor: str) -> None:
    done = rerun(known_hosts_keys=[impostor])
    assert (done.rc, done.changed) == (0, 1), done.output
    assert TRUSTED in knock(host, "-p", "2222", "-o", "HostKeyAlias=probe", "probe")
    assert UNTRUSTED in knock(host, "probe")


def test_a_host_that_was_never_seen_is_named(
    rerun: Converge, tmp_path: Path, fingerprint: Callable[[], dict[str, str]]
) -> None:
    (tmp_path / "more.yml").write_text("all: {hosts: {web07: {iptables_addresses: [192.0.2.7]}}}\n")
    before = fingerprint()
    also = f"--inventory={tmp_path}/more.yml"
    done = rerun(also)
    assert (done.rc, done.changed) == (0, 0), done.output
    assert "no SSH key is known of web07: let a run see them, or declare" in done.said
    for check in (True, False):
        failed = rerun(also, check=check, known_hosts_require_all=True)
        assert (failed.rc, failed.changed) == (2, 0)
        assert "no SSH key is known of web07" in failed.said
    assert fingerprint() == before


@pytest.mark.spread
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"known_hosts_groups": ["al"]}, "no group 'al': did you mean 'all'"),
        ({"known_hosts_keys": ["ssh-ed25519 AAAA"]}, "'ssh-ed25519 AAAA' is not a public key"),
        ({"known_hosts_entries": [{"names": ["a b"], "keys": []}]}, "known_hosts_entries: 'a b' is neither"),
    ],
)
def test_what_ssh_would_misread_changes_nothing(
    host: Host, converge: Converge, values: dict[str, Any], said: str
) -> None:
    before = host.file(FILE).content
    done = converge("--skip-tags=apt", **values)
    assert done.rc == 2
    assert said in done.said
    assert host.file(FILE).content == before


def test_strictness_can_be_left_to_others(host: Host, rerun: Converge) -> None:
    assert rerun(known_hosts_strict=False).changed == 1
    assert "stricthostkeychecking ask" in host.check_output("ssh -G localhost").lower()


@pytest.mark.spread
def test_strictness_that_another_file_takes_away_is_named(host: Host, rerun: Converge) -> None:
    host.check_output("sed -i.kept '1i StrictHostKeyChecking no' /etc/ssh/ssh_config")
    host.check_output("rm /etc/ssh/ssh_config.d/00-strata-known-hosts.conf")
    try:
        done = rerun()
        assert (done.rc, "StrictHostKeyChecking is not in force" in done.said) == (2, True), done.said
    finally:
        host.check_output("mv /etc/ssh/ssh_config.kept /etc/ssh/ssh_config")
    assert rerun().rc == 0
