"""The organisation's log server, as a visitor and as its hosts see it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from http_client import get

if TYPE_CHECKING:
    from testinfra.host import Host


def test_the_site_lists_the_logs(host: Host) -> None:
    text = uuid4().hex
    host.check_output("mkdir -p /srv/logs/job && echo %s | gzip >/srv/logs/job/console.log.gz", text)
    assert "console.log.gz" in get(host, "logs.example.org", "/job/")["text"]
    assert text in get(host, "logs.example.org", "/job/console.log")["text"]


def test_the_hosts_own_logs_are_not_public(host: Host) -> None:
    host.check_output("mkdir -p /var/log/hosts/web01 && touch /var/log/hosts/web01/2026-01-01.log")
    assert get(host, "logs.example.org", "/hosts/")["status"] == 404


def test_it_receives_under_its_own_name(host: Host, target: str) -> None:
    ask = "openssl s_client -connect localhost:6514 -CAfile /etc/ssl/strata/ca.crt -verify_hostname %s </dev/null 2>&1"
    shown = host.run(ask, target).stdout
    assert "Verify return code: 0 (ok)" in shown
    assert "Verification error" not in shown


def test_every_host_s_packages_are_there_too(host: Host) -> None:
    assert host.package("rsync").is_installed
