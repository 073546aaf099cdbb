"""What other hosts log: it comes over TLS from those who have a certificate, and is theirs who may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from http_client import ask, get
from syslog_tls import assert_only_the_last_is_received, of_host, received
from waiting import wait_for

if TYPE_CHECKING:
    from testinfra.host import Host

SITE = "logs.example.org"

OWN = "-cert /etc/ssl/strata/rsyslog.crt -key /etc/ssl/strata/rsyslog.key"
SELF_MADE = """
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=probe \
    -addext subjectAltName=DNS:probe -keyout /root/other.key -out /root/other.crt
"""


def own_words(host: Host) -> str:
    """Return what rsyslog says about itself."""
    return host.run("grep rsyslogd: /var/log/syslog | tail -n 20").stdout


def log_on(probe: Host) -> str:
    text = uuid4().hex
    probe.check_output("logger %s", text)
    return text


def test_a_line_of_another_host_is_found_here(host: Host, probe: Host) -> None:
    text = log_on(probe)
    wait_for(lambda: received(host, text), lambda: own_words(probe) + own_words(host))
    today = host.check_output("date +%F")
    (path,) = received(host, text)
    assert of_host(path, probe) == f"probe/{today}.log"
    file = host.file(path)
    assert (file.user, file.group, file.mode) == ("root", "www-data", 0o640)


def test_a_sender_without_a_certificate_of_the_ca_is_refused(host: Host, target: str, probe: Host) -> None:
    probe.check_output(SELF_MADE)
    other = "-cert /root/other.crt -key /root/other.key"
    assert_only_the_last_is_received(host, probe, target, ["", other, OWN])


def test_only_readers_see_received_lines(host: Host, address: str, probe: Host) -> None:
    text = log_on(probe)
    wait_for(lambda: received(host, text), lambda: own_words(probe) + own_words(host))
    path = received(host, text)[0].replace("/var/log/hosts", "/hosts")
    assert text in get(host, SITE, path)["text"]
    assert ask(probe, address, SITE, path)["status"] == 403
    assert ask(probe, address, SITE, "/hosts/")["status"] == 403


def test_old_lines_go_and_new_ones_come(host: Host, probe: Host) -> None:
    old = "/var/log/hosts/gone/2020-01-01.log"
    host.check_output("mkdir -p /var/log/hosts/gone && touch -d 2020-01-01 %s /var/log/hosts/gone", old)
    host.check_output("systemctl start strata-retention@all")
    assert not host.file("/var/log/hosts/gone").exists
    text = log_on(probe)
    wait_for(lambda: received(host, text), lambda: own_words(probe) + own_words(host))


def test_a_log_that_went_while_it_was_open_is_begun_anew(host: Host, probe: Host) -> None:
    """As when the disk gets full: the file that rsyslog has open is gone, and rsyslog is told."""
    text = log_on(probe)
    wait_for(lambda: received(host, text), lambda: own_words(probe) + own_words(host))
    host.check_output("rm %s && systemctl kill --signal=HUP rsyslog.service", received(host, text)[0])
    text = log_on(probe)
    wait_for(lambda: received(host, text), lambda: own_words(probe) + own_words(host))
