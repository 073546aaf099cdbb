"""The log: own rules, lines that go from host to host over TLS, and what waits while the log host is down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from plays import connect
from syslog_tls import assert_only_the_last_is_received, of_host, received, send
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

#: Seconds that a restart takes at most; what does not end by itself is killed after 90.
LONGEST_STOP = 45


@pytest.fixture
def log_host_name(target: str) -> str:
    """The log host of the host: the other target."""
    return {"deb12": "deb13", "deb13": "deb12"}[target]


@pytest.fixture
def log_host(log_host_name: str) -> Host:
    return connect(log_host_name)


def log(host: Host, *options: str, lines: int = 1) -> str:
    """Log lines that are like no others, and return what is in all of them.

    Of many at once rsyslog would not get all: where nobody reads fast, the kernel of this machine keeps but ten for it.
    """
    text = uuid4().hex
    for line in range(1, lines + 1):
        host.check_output(f"logger {' '.join(options)} {text} {line}")
        if lines > 1:
            here = f"grep -qF '{text} {line}' /var/log/syslog"
            wait_for(lambda found=here: host.run(found).rc == 0, lambda: own_words(host))
    return text


def own_words(host: Host, since: str = ".") -> str:
    """Return what rsyslog says about itself, since it logged a text."""
    return host.check_output(f"sed -n '/{since}/,$p' /var/log/syslog | grep rsyslogd: | tail -n 30")


def test_a_rule_of_its_own_is_in_force(host: Host) -> None:
    text = log(host, "--tag=app")
    wait_for(lambda: host.run(f"grep -F {text} /var/log/app.log").rc == 0, lambda: own_words(host))


def test_a_line_is_found_on_the_log_host(host: Host, target: str, log_host: Host) -> None:
    text = log(host)
    wait_for(lambda: received(log_host, text), lambda: own_words(host) + own_words(log_host))
    today = log_host.check_output("date +%F")
    (path,) = received(log_host, text)
    assert of_host(path, host) == f"{target}/{today}.log"


def test_lines_wait_while_the_log_host_is_down(host: Host, log_host: Host) -> None:
    """From when rsyslog knows that it is: what it sends in the moment before may be lost, as TCP has no receipts."""
    first = log(host)
    wait_for(lambda: received(log_host, first), lambda: own_words(host))
    log_host.check_output("systemctl stop syslog.socket rsyslog.service")
    try:
        down = log(host)
        wait_for(lambda: "cannot connect to" in own_words(host, down) or not log(host), lambda: own_words(host, down))
        before = log(host, lines=20)
        # What waits in memory is kept when rsyslog, or the host, ends.
        host.check_output("systemctl restart rsyslog")
        after = log(host, lines=20)
    finally:
        log_host.check_output("systemctl start rsyslog.service")

    def numbers() -> list[int]:
        """Return which lines have come."""
        found = log_host.run(f"grep -rhoE '({before}|{after}) [0-9]+' /var/log/hosts").stdout.splitlines()
        return sorted(int(line.split()[1]) for line in found)

    wait_for(lambda: set(numbers()) == set(range(1, 21)) and len(numbers()) >= 40, lambda: f"{numbers()}")


def test_lines_wait_while_the_name_of_the_log_host_does_not_resolve(
    host: Host, log_host: Host, log_host_name: str, converge: Converge
) -> None:
    done = converge(rsyslog_send_to=[{"target": "logs.example.org", "peer": log_host_name}])
    assert (done.rc, done.changed) == (0, 1), done.output
    try:
        text = log(host)
        wait_for(lambda: "resolve hostname 'logs.example.org'" in own_words(host, text), lambda: own_words(host, text))
        began = time.monotonic()
        host.check_output("systemctl restart rsyslog")
        assert time.monotonic() - began < LONGEST_STOP
        host.check_output(
            "cp /etc/hosts /root/hosts && getent ahostsv4 %s | sed -n '1s/ .*/ logs.example.org/p' >>/etc/hosts",
            log_host_name,
        )
        wait_for(lambda: received(log_host, text), lambda: own_words(host))
    finally:
        host.check_output("! test -e /root/hosts || cat /root/hosts >/etc/hosts; rm -f /root/hosts")
        assert converge().rc == 0


@pytest.mark.spread
def test_a_log_host_of_another_name_gets_nothing(
    host: Host, log_host: Host, log_host_name: str, converge: Converge
) -> None:
    done = converge(rsyslog_send_to=[{"target": log_host_name, "peer": "another.example.org"}])
    assert (done.rc, done.changed) == (0, 1), done.output
    text = log(host)
    wait_for(lambda: "peer name not authorized" in own_words(host, text), lambda: own_words(host))
    assert not received(log_host, text)
    assert converge().rc == 0
    # It waited, so it is there now, though rsyslogd 8.2504 may have been killed: at times it does not end by itself.
    wait_for(lambda: received(log_host, text), lambda: own_words(host))


@pytest.mark.spread
def test_a_log_host_of_an_unknown_authority_gets_nothing(host: Host, log_host: Host, converge: Converge) -> None:
    done = converge(rsyslog_ca_file="/srv/tls/other-ca.pem")
    assert (done.rc, done.changed) == (0, 1), done.output
    text = log(host)
    wait_for(lambda: "certificate" in own_words(host, text), lambda: own_words(host))
    assert not received(log_host, text)
    assert converge().rc == 0
    wait_for(lambda: received(log_host, text), lambda: own_words(host))


def test_only_hosts_of_the_authority_may_send(host: Host, target: str, probe: Host) -> None:
    own = "-cert /srv/tls/host.pem -key /srv/tls/host.key"
    unknown = "-cert /srv/tls/other-host.pem -key /srv/tls/host.key"
    assert_only_the_last_is_received(host, probe, target, ["", unknown, own])


def test_a_name_does_not_lead_out_of_the_folder(host: Host, target: str, probe: Host) -> None:
    text = send(probe, target, "-cert /srv/tls/host.pem -key /srv/tls/host.key", name="../../../srv/out")
    wait_for(lambda: received(host, text), lambda: own_words(host))
    assert not host.file("/srv/out").exists


def test_a_host_that_says_another_s_name_does_not_write_into_its_log(
    host: Host, target: str, probe: Host, log_host_name: str
) -> None:
    text = send(probe, target, "-cert /srv/tls/host.pem -key /srv/tls/host.key", name=log_host_name)
    wait_for(lambda: received(host, text), lambda: own_words(host))
    (path,) = received(host, text)
    assert of_host(path, probe).startswith(f"{log_host_name}/")


@pytest.mark.spread
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rsyslog_rules": [{"name": "broken", "content": "if $programname then then"}]}, "rsyslogd -N1 ends with"),
        ({"rsyslog_ca_file": "/srv/tls/none.pem"}, "/srv/tls/none.pem"),
        ({"rsyslog_receive_port": 22}, "rsyslog.service does not listen at tcp:22: "),  # sshd does
        ({"rsyslog_key_file": "/srv/tls/wrong.key"}, "the key /srv/tls/wrong.key is not that of"),
    ],
)
def test_what_is_refused_does_not_stay(host: Host, converge: Converge, settings: dict[str, object], said: str) -> None:
    before = host.file("/etc/rsyslog.d/strata.conf").content
    done = converge(**settings)
    assert done.rc == 2
    assert said in done.said
    assert "the old files are back in force" in done.said
    assert host.file("/etc/rsyslog.d/strata.conf").content == before
    assert converge().changed == 0


@pytest.mark.spread
def test_not_everybody_with_a_certificate_may_send(converge: Converge) -> None:
    done = converge(rsyslog_receive_peers=[], rsyslog_ca_file="/etc/ssl/certs/ca-certificates.crt")
    assert done.rc == 2
    assert "list rsyslog_receive_peers" in done.said
    done = converge("--check", rsyslog_receive_peers=[])
    assert (done.rc, done.changed) == (0, 1), done.output


def test_a_new_certificate_is_in_use_at_once(host: Host, target: str, log_host: Host, converge: Converge) -> None:
    show = f"openssl s_client -connect {target}:6514 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    before = host.check_output(show)
    host.check_output("rm /etc/ssl/strata/rsyslog.key")  # how the site asks for a new one
    done = converge()
    assert (done.rc, done.changed) == (0, 1), done.output
    assert host.check_output(show) != before
    text = log(host)
    wait_for(lambda: received(log_host, text), lambda: own_words(host))
    assert converge().changed == 0


@pytest.mark.spread
def test_other_certificates_are_taken(host: Host, log_host: Host, converge: Converge) -> None:
    named = {"ca_file": "/srv/tls/ca.pem", "certificate_file": "/srv/tls/host.pem", "key_file": "/srv/tls/host.key"}
    done = converge(**{f"rsyslog_{name}": path for name, path in named.items()})
    assert (done.rc, done.changed) == (0, 2), done.output  # the certificate that is not wanted any more goes, too
    assert not host.file("/etc/ssl/strata/rsyslog.crt").exists
    text = log(host)
    wait_for(lambda: received(log_host, text), lambda: own_words(host))
    assert converge().rc == 0
