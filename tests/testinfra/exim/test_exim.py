"""Mail: root's reaches the sysadmins by way of the mail host, and no host passes on the mail of strangers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

#: Asks a server to take a mail for somebody; prints its answer.
OFFER = """
import smtplib, sys
server, recipient = sys.argv[1:]
try:
    with smtplib.SMTP(server, 25, "stranger.example.org", 20) as talk:
        talk.ehlo()
        talk.mail("stranger@example.org")
        print(*talk.rcpt(recipient))
except OSError as error:
    print(error)
"""

PASSWORD = "canary:^pass; word"

#: A mail host that takes mail over TLS from those who log in.
MAIL_HOST = """
primary_hostname = probe
daemon_smtp_ports = 587
tls_advertise_hosts = *
tls_certificate = /srv/mail/cert.pem
tls_privatekey = /srv/mail/key.pem
spool_directory = /srv/mail/spool
log_file_path = /srv/mail/%slog
acl_smtp_rcpt = check
begin acl
check:
  accept authenticated = *
  deny message = log in first
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  file = /srv/mail/box
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{sender}}{eq{$auth3}{canary:^pass; word}}}}
  server_advertise_condition = ${if def:tls_in_cipher}
"""

SERVE = """
set -e
rm -rf /srv/mail && mkdir /srv/mail && cd /srv/mail
cat >exim.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj /CN=probe -addext subjectAltName=DNS:probe -keyout key.pem -out cert.pem 2>/dev/null
chown Debian-exim . key.pem
systemd-run --quiet --collect --unit=mail-host exim4 -C /srv/mail/exim.conf -bdf
"""


def wait_for(what: Callable[[], object], why: Callable[[], str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def send(host: Host, recipient: str) -> str:
    """Send a mail that is like no other, and return its text."""
    text = uuid4().hex
    host.check_output(f"echo 'Subject: test\n\n{text}' | sendmail {recipient}")
    return text


def arrived(host: Host, mailbox: str, text: str) -> bool:
    return host.run(f"grep -F {text} {mailbox}").rc == 0


def own_words(host: Host) -> str:
    return host.check_output("tail -n 20 /var/log/exim4/*log; exim4 -bp")


def offer(stranger: Host, server: str, recipient: str) -> str:
    """Return what a server says when another host offers it a mail."""
    return stranger.check_output("python3 -c %s %s %s", OFFER, server, recipient)


@pytest.fixture
def mail_host(probe: Host, host: Host) -> Iterator[dict[str, Any]]:
    """A mail host on the probe that wants TLS and a login; the settings of a satellite of it."""
    probe.check_output("echo %s | sh -c %s", MAIL_HOST, SERVE)
    host.check_output("echo %s >/srv/mail-host.pem", probe.file("/srv/mail/cert.pem").content_string)
    yield {
        "exim_smarthost_port": 587,
        "exim_smarthost_tls": "verified",
        "exim_ca_file": "/srv/mail-host.pem",
        "exim_smarthost_user": "sender",
        "exim_smarthost_password": PASSWORD,
    }
    probe.check_output("systemctl stop mail-host")


@pytest.mark.parametrize("recipient", ["root", "postmaster"])
def test_roots_mail_arrives_at_the_mail_host(host: Host, probe: Host, recipient: str) -> None:
    text = send(host, recipient)
    wait_for(lambda: arrived(probe, "/var/mail/games", text), lambda: own_words(host) + own_words(probe))


def test_a_satellite_answers_nobody(probe: Host, address: str, address6: str) -> None:
    for server in (address, address6):
        assert "refused" in offer(probe, server, "root")


def test_the_mail_host_passes_on_no_mail_of_strangers(host: Host, probe: Host) -> None:
    server = probe.check_output("hostname -I").split()[0]
    assert offer(host, server, "operators@mail.example.org").startswith("250 ")
    answer = offer(host, server, "someone@elsewhere.example.net")
    assert answer.startswith("550 ")
    assert "relay not permitted" in answer


def test_only_hosts_of_its_networks_can_relay(host: Host, probe: Host, address: str, converge: Converge) -> None:
    networks = [f"{each}/{128 if ':' in each else 32}" for each in probe.check_output("hostname -I").split()]
    site: dict[str, Any] = {"exim_type": "internet", "exim_public": True, "exim_domains": ["lists.example.org"]}
    done = converge(**site)
    assert done.rc == 0, done.output
    wait_for(lambda: offer(probe, address, "games@lists.example.org").startswith("250 "), lambda: own_words(host))
    assert offer(probe, address, "someone@elsewhere.example.net").startswith("550 ")
    assert converge(**site, exim_relay_networks=networks).changed == 1
    stranger = "someone@elsewhere.example.net"
    wait_for(lambda: offer(probe, address, stranger).startswith("250 "), lambda: own_words(host))
    assert converge().rc == 0


def test_a_local_host_keeps_its_mail(host: Host, converge: Converge) -> None:
    assert converge(exim_type="local", exim_sysadmins=[]).rc == 0
    text = send(host, "root")
    wait_for(lambda: arrived(host, "/var/mail/mail", text), lambda: own_words(host))
    assert host.run("echo test | sendmail someone@elsewhere.example.net").rc == 0
    wait_for(lambda: "Mailing to remote domains not supported" in own_words(host), lambda: own_words(host))
    assert converge().rc == 0


def test_a_satellite_logs_in_over_tls(host: Host, probe: Host, mail_host: dict[str, Any], converge: Converge) -> None:
    done = converge("-vvv", "--diff", **mail_host)
    assert done.rc == 0, done.output
    assert "canary" not in done.output.partition("PLAY [")[2]  # before it, Ansible shows what it was called with
    assert host.run("journalctl -q --output=cat | grep -F canary").rc == 1
    assert host.file("/etc/exim4/passwd.client").mode == 0o640
    text = send(host, "root")
    wait_for(lambda: arrived(probe, "/srv/mail/box", text), lambda: own_words(host))
    assert converge(**mail_host).changed == 0
    assert converge().rc == 0


def test_a_login_that_goes_is_not_shown(host: Host, mail_host: dict[str, Any], converge: Converge) -> None:
    assert converge(**mail_host).rc == 0
    gone = {"exim_smarthost_user": "", "exim_smarthost_password": ""}
    for check in (True, False):
        done = converge("-vvv", "--diff", check=check, **mail_host | gone)
        assert done.rc == 0, done.output
        assert "(secret content, " in done.output
        assert "canary" not in done.output
    assert not host.file("/etc/exim4/passwd.client").exists
    assert converge().rc == 0


def test_a_mail_host_with_a_wrong_certificate_gets_nothing(
    host: Host, probe: Host, mail_host: dict[str, Any], converge: Converge
) -> None:
    assert converge(**mail_host | {"exim_ca_file": "/etc/ssl/certs/ca-certificates.crt"}).rc == 0
    text = send(host, "root")
    wait_for(lambda: "certificate" in host.check_output("tail -n 3 /var/log/exim4/mainlog"), lambda: own_words(host))
    assert not arrived(probe, "/srv/mail/box", text)
    assert converge(**mail_host).rc == 0
    host.check_output("exim4 -qff")
    wait_for(lambda: arrived(probe, "/srv/mail/box", text), lambda: own_words(host))
    assert converge().rc == 0


def test_what_exim_refuses_is_not_in_force(host: Host, probe: Host, converge: Converge) -> None:
    files = "/etc/exim4/exim4.conf.localmacros /etc/exim4/update-exim4.conf.conf /var/lib/exim4/config.autogenerated"
    before = host.check_output(f"sha256sum {files}")
    done = converge(exim_macros={"MAIN_LOG_SELECTOR": "+no_such_thing"})
    assert done.rc == 2
    assert "update-exim4.conf ends with status 1: " in done.output
    assert "no_such_thing" in done.output
    assert "the old files are back in force" in done.output
    assert host.check_output(f"sha256sum {files}") == before
    assert converge().changed == 0
    text = send(host, "root")
    wait_for(lambda: arrived(probe, "/var/mail/games", text), lambda: own_words(host))


def test_a_satellite_needs_a_mail_host(converge: Converge) -> None:
    done = converge(exim_smarthost="")
    assert done.rc == 2
    assert "set exim_smarthost" in done.output
