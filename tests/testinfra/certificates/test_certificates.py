"""Certificates in use: real servers, hosts that trust them, renewal, and what is left of a run that fails or dies."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml
from plays import SANDBOX, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Play, Run
    from testinfra.host import Host

    Rerun = Callable[..., Run]
    Fingerprint = Callable[[], dict[str, str]]

SCENARIO = Path(__file__).parents[3] / "molecule" / "certificates"
VALUES = yaml.safe_load((SCENARIO / "molecule.yml").read_text())["provisioner"]["inventory"]["group_vars"]["targets"]
WEB, OWN, GIVEN = VALUES["certificates_list"]
BUDGET = int((SCENARIO / "budget").read_text())
TLS = "/etc/ssl/strata"
FACTS = "/etc/ansible/facts.d/strata_certificates.fact"
PENDING = "/run/strata-certificates"
OWED = "/var/lib/strata/owed/certificates"
CA = SANDBOX.folder / "ca"
OWN_CA_ONLY = f"-no-CApath -no-CAstore -CAfile {TLS}/ca.crt"
PYTHON = """
import socket, ssl, sys
context = ssl.create_default_context()
print(context.wrap_socket(socket.create_connection((sys.argv[1], 4433)), server_hostname=sys.argv[1]).version())
"""


@pytest.fixture(scope="session")
def other_name(target: str) -> str:
    """The name of another host of the site: the other target."""
    return {"deb12": "deb13", "deb13": "deb12"}[target]


@pytest.fixture(scope="session")
def other(other_name: str) -> Host:
    return connect(other_name)


@pytest.fixture(scope="session", autouse=True)
def _servers(host: Host, other: Host) -> None:
    """Start what uses certificates, as roles do that run after this one."""
    for each in (host, other):
        each.check_output("systemctl daemon-reload && systemctl start trial-tls trial-reload")
        deadline = time.monotonic() + 60
        while not each.socket("tcp://4433").is_listening:
            assert time.monotonic() < deadline


def trusts(client: Host, name: str, *options: str) -> bool:
    """Tell whether a host takes the server of that name for what it says to be."""
    command = f"timeout 20 openssl s_client -connect {name}:4433 -verify_return_error {' '.join(options)} </dev/null"
    said = client.run(command)
    assert "CONNECTED" in said.stdout, said
    return said.rc == 0


def serial(host: Host, command: str) -> str:
    return host.check_output(f"{command} | openssl x509 -noout -serial")


def in_file(host: Host, name: str = "web") -> str:
    return serial(host, f"cat {TLS}/{name}.crt")


def in_use(host: Host) -> str:
    return serial(host, "timeout 20 openssl s_client -connect localhost:4433 </dev/null 2>/dev/null")


def process(host: Host) -> str:
    return host.check_output("systemctl show --property=MainPID --value trial-tls")


def is_pair(host: Host, name: str = "web") -> bool:
    certificate = host.check_output(f"openssl x509 -in {TLS}/{name}.crt -noout -pubkey")
    return certificate == host.check_output(f"openssl pkey -in {TLS}/{name}.key -pubout")


def secret_line(pem: str) -> str:
    """Return a line that only this key has."""
    return pem.strip().splitlines()[2]


def test_another_host_trusts_the_server(other: Host, target: str, address: str) -> None:
    assert trusts(other, target, f"-verify_hostname {target}")
    assert trusts(other, address, f"-verify_ip {address}")
    assert trusts(other, target, "-no-CApath -no-CAstore -CAfile /etc/ssl/certs/ca-certificates.crt")
    assert trusts(other, target, OWN_CA_ONLY)
    assert other.check_output("python3 -c %s %s", PYTHON, target) == "TLSv1.3"


def test_who_does_not_know_the_ca_does_not(other: Host, target: str) -> None:
    assert not trusts(other, target, "-no-CApath -no-CAstore -no-CAfile")
    assert not trusts(other, target, "-verify_hostname another.example.org")


def test_keys_are_their_owners(host: Host) -> None:
    assert host.file(TLS).mode == 0o755
    found = {name: host.file(f"{TLS}/{name}.key") for name in ("web", "own", "given")}
    assert {name: (key.user, key.group, key.mode) for name, key in found.items()} == {
        "web": ("www-data", "root", 0o600),
        "own": ("root", "www-data", 0o640),
        "given": ("root", "root", 0o600),
    }
    assert {host.file(f"{TLS}/{name}.crt").mode for name in (*found, "ca")} == {0o644}
    assert all(is_pair(host, name) for name in found)
    names = host.check_output(f"openssl x509 -in {TLS}/own.crt -noout -ext subjectAltName")
    assert "DNS:own.example.org, IP Address:192.0.2.7" in names


def test_keys_stay_where_they_were_made(host: Host) -> None:
    assert {path.name for path in CA.iterdir()} == {".lock", "ca.crt", "ca.key"}
    assert (CA / "ca.key").stat().st_mode & 0o777 == 0o600
    assert CA.stat().st_mode & 0o777 == 0o700
    line = secret_line((CA / "ca.key").read_text())
    assert not host.run(f"grep -rlsF -- {line} /etc /home /opt /root /run /srv /tmp /usr/local /var").stdout
    assert not host.file(PENDING).exists


def test_facts_tell_the_ends(host: Host, target: str) -> None:
    facts = json.loads(host.file(FACTS).content_string)
    assert {name: fact["source"] for name, fact in facts.items()} == {
        "ca": "root",
        "given": "content",
        "own": "self_signed",
        "web": "ca",
    }
    assert target in facts["web"]["names"]
    for name, fact in facts.items():
        shown = host.check_output(
            f'date -u -d "$(openssl x509 -in {TLS}/{name}.crt -noout -enddate | cut -d= -f2)" +%FT%TZ'
        )
        assert fact["not_after"] == shown


def test_what_ends_soon_or_was_altered_is_made_anew_and_in_use(host: Host, rerun: Rerun) -> None:
    host.check_output(f"rm {TLS}/web.key")
    short = rerun(certificates_lifetime=10, certificates_renew_before=5)
    assert (short.rc, short.changed) == (0, 1), short.output
    host.check_output(f"cp {TLS}/given.crt {TLS}/own.crt")
    first = (in_file(host), process(host))
    assert in_use(host) == first[0]

    predicted = rerun("--check")
    assert (in_file(host), process(host)) == first
    run = rerun("--diff")
    pairs = [f"{TLS}/{name}.{end}" for name in ("own", "web") for end in ("crt", "key")]
    units = ["trial-tls.service: restart", "trial-reload.service: reload"]
    assert run.results[-1]["changes"] == predicted.results[-1]["changes"] == [FACTS, *pairs, *units]
    assert "made anew because it ends on" in run.said
    assert run.calls == BUDGET  # without apt, but with a second call for the certificate
    second = (in_file(host), process(host))
    assert in_use(host) == second[0]
    assert not {*first} & {*second}
    assert is_pair(host)
    assert serial(host, "cat /run/trial-reload.crt") == in_file(host, "own")

    assert rerun().changed == 0
    assert (in_file(host), process(host)) == second


def make(name: str, key: str = "ec -pkeyopt ec_paramgen_curve:P-256") -> str:
    """Return the command that makes a pair of its own."""
    return (
        f"openssl req -x509 -newkey {key} -nodes -days 200 -subj /CN={name} -addext subjectAltName=DNS:{name} "
        "-keyout - -out -"
    )


def given(host: Host, folder: Path, command: str, **instead: str) -> dict[str, str]:
    """Return a pair as lookups of files, because Ansible itself shows the values on its command line."""
    made = host.check_output(command)
    start = made.index("-----BEGIN CERTIFICATE")
    contents = {"certificate_content": made[start:], "key_content": made[:start]} | instead
    for key, text in contents.items():
        (folder / key).write_text(text)
    lookups = {key: f"{{{{ lookup('ansible.builtin.file', '{folder / key}') }}}}" for key in contents}
    return {"source": "content"} | lookups


@pytest.mark.spread
def test_a_given_key_is_shown_nowhere(host: Host, rerun: Rerun, tmp_path: Path) -> None:
    item = {"name": "canary", **given(host, tmp_path, make("canary.example.org"))}
    line = secret_line((tmp_path / "key_content").read_text())
    runs = [rerun("-vvv", "--diff", certificates_list=[*VALUES["certificates_list"], item]) for _ in range(2)]
    assert [run.changed for run in runs] == [1, 0], runs[0].output
    assert line in host.file(f"{TLS}/canary.key").content_string
    runs.append(rerun("-vvv", "--diff"))
    assert not host.file(f"{TLS}/canary.key").exists
    assert not host.file(f"{TLS}/canary.crt").exists
    assert "canary" not in host.file(FACTS).content_string
    for run in (runs[0], runs[2]):
        assert f"{TLS}/canary.key" in run.output
    for secret in (line, secret_line(host.file(f"{TLS}/web.key").content_string)):
        assert not any(secret in run.output for run in runs)
        assert host.run(f"journalctl -q --output=cat | grep -qF -- {secret}").rc == 1


@pytest.mark.spread
def test_garbage_is_refused_before_anything_changes(
    host: Host, rerun: Rerun, fingerprint: Fingerprint, tmp_path: Path
) -> None:
    web = WEB | {"names": ["new.example.org"]}
    said = {
        "certificate_content": "certificate_content is not a certificate in PEM form",
        "key_content": "key_content is not a private key that opens without a passphrase",
    }
    before = fingerprint()
    for key, message in said.items():
        bad = {"name": "bad", **given(host, tmp_path, make("bad.example.org"), **{key: "a canary of garbage"})}
        run = rerun("-vvv", certificates_list=[web, OWN, GIVEN, bad])
        assert run.rc == 2
        assert run.message == f"certificate bad (certificates_list): {message}"
        assert "a canary" not in run.output
    assert not host.file(PENDING).exists
    assert fingerprint() == before


@pytest.mark.spread
def test_a_pair_that_the_server_refuses_does_not_stay(
    host: Host, rerun: Rerun, fingerprint: Fingerprint, tmp_path: Path
) -> None:
    weak = WEB | given(host, tmp_path, make("weak.example.org", "rsa:1024"))
    before = {key: value for key, value in fingerprint().items() if TLS not in key and FACTS not in key}
    old = in_file(host)
    run = rerun(certificates_list=[weak, OWN, GIVEN])
    assert run.rc == 2
    assert "trial-tls.service" in run.message
    assert "key too small" in run.message
    assert run.message.endswith("; the old files are back in force")
    assert before.items() <= fingerprint().items()
    assert (in_file(host), in_use(host), is_pair(host)) == (old, old, True)
    assert rerun().changed == 0


@pytest.mark.spread
def test_another_ca_is_trusted_beside_the_old_one(
    host: Host, other: Host, other_name: str, target: str, rerun: Rerun, tmp_path: Path
) -> None:
    folder = tmp_path / "ca"
    folder.mkdir(mode=0o700)
    (folder / "old.crt").write_text((CA / "ca.crt").read_text())
    old = in_file(host)
    run = rerun(certificates_ca_folder=str(folder), certificates_ca_name="Next CA")
    assert (run.rc, run.changed) == (0, 1), run.output
    assert old not in (in_file(host), in_use(host))
    assert trusts(host, target)
    assert trusts(host, other_name)
    assert trusts(host, other_name, OWN_CA_ONLY)
    assert not trusts(other, target)
    (folder / "old.crt").unlink()
    assert rerun(certificates_ca_folder=str(folder)).changed == 1
    assert trusts(host, target)
    assert not trusts(host, other_name)


@pytest.mark.spread
def test_what_is_declared_no_longer_goes(host: Host, target: str, rerun: Rerun) -> None:
    before = host.check_output("ls /etc/ssl/certs | wc -l")
    assert rerun(certificates_ca=False, certificates_list=[OWN]).changed == 1
    assert sorted(host.file(TLS).listdir()) == ["own.crt", "own.key"]
    assert json.loads(host.file(FACTS).content_string).keys() == {"own"}
    assert not trusts(host, target)
    assert not trusts(host, target, "-no-CApath -no-CAstore -CAfile /etc/ssl/certs/ca-certificates.crt")
    assert not host.check_output("find /etc/ssl/certs -xtype l")
    assert rerun(certificates_ca=False, certificates_list=[OWN]).changed == 0
    assert rerun().changed == 1
    assert trusts(host, target)
    assert host.check_output("ls /etc/ssl/certs | wc -l") == before


@contextlib.contextmanager
def ca_that_never_answers() -> Iterator[None]:
    """Let who wants to read the CA's key wait for ever."""
    key, kept = CA / "ca.key", CA / "kept"
    key.rename(kept)
    os.mkfifo(key, 0o600)
    try:
        yield
    finally:
        kept.rename(key)


@pytest.mark.spread
def test_a_run_killed_before_the_ca_signs_is_made_up_for(
    host: Host, begin: Callable[..., Play], rerun: Rerun, fingerprint: Fingerprint
) -> None:
    web = WEB | {"names": ["new.example.org"]}
    before = fingerprint()
    with ca_that_never_answers():
        play = begin("--skip-tags=apt", certificates_list=[web, OWN, GIVEN])
        deadline = time.monotonic() + 60
        while not host.file(f"{PENDING}/web.key").exists:
            assert time.monotonic() < deadline, play.output.read_text()
        play.kill()
    assert fingerprint() == before
    assert host.file(PENDING).mode == 0o700
    assert host.file(f"{PENDING}/web.key").mode == 0o600
    assert rerun(certificates_list=[web, OWN, GIVEN]).changed == 1
    assert (in_use(host), is_pair(host)) == (in_file(host), True)
    assert not host.file(PENDING).exists


@pytest.mark.soak
def test_a_module_that_is_killed_is_made_up_for(
    host: Host, begin: Callable[..., Play], rerun: Rerun, idle: Callable[[], None], kill_module: Any, moment: float
) -> None:
    def start() -> Play:
        web = WEB | {"names": [*WEB["names"], f"{uuid4().hex}.example.org"]}
        return begin("--skip-tags=apt", certificates_list=[web, OWN, GIVEN])

    kill_module(start, OWED, moment)
    idle()
    left = host.check_output(f"cat {OWED}; ls -l {TLS}"), process(host)
    predicted = rerun("--check")
    assert (host.check_output(f"cat {OWED}; ls -l {TLS}"), process(host)) == left
    run = rerun()
    assert (run.rc, run.changed, predicted.changed) == (0, 1, 1), run.output
    assert run.results[-1]["changes"] == predicted.results[-1]["changes"]
    assert (in_use(host), is_pair(host)) == (in_file(host), True)
    assert not host.file(OWED).exists
    assert rerun().changed == 0
