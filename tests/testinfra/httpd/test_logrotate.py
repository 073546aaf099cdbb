"""The logs of the sites are really rotated, and logrotate has tested the file that says how."""

from __future__ import annotations

import time

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

PATH = "/etc/logrotate.d/apache2"
LOG = "/srv/logs/logged.example.org_access.log"
ROTATE = f"logrotate --force --state=/run/logrotate-test {PATH}"


def log_request(host, probe, address, page):
    """Ask for a page until the log knows of it: a reload lets old processes write to the old file for a while."""
    deadline = time.monotonic() + 60
    while page not in (host.file(LOG).content_string if host.file(LOG).exists else ""):
        assert time.monotonic() < deadline
        ask(probe, address, "logged.example.org", page)


def test_logrotate_finds_no_fault_and_covers_each_log_once(host):
    said = host.run("logrotate --debug /etc/logrotate.conf").stderr
    assert "error:" not in said
    assert f"considering log {LOG}" in said
    assert "considering log /srv/my logs/socket.example.org_access.log" in said
    assert said.count("considering log /var/log/apache2/static.example.org_access.log") == 1


def test_apache_goes_on_with_the_new_file_after_a_rotation(host, probe, address):
    log_request(host, probe, address, "/before")
    try:
        host.check_output(ROTATE)
        assert "/before" in host.file(f"{LOG}.1").content_string
        log_request(host, probe, address, "/after")
        assert "/before" not in host.file(LOG).content_string
    finally:
        host.check_output(f"rm /run/logrotate-test /srv/logs/*.1 && {ROTATE} && rm /run/logrotate-test /srv/logs/*.1")


@pytest.mark.usefixtures("original_configuration")
def test_scripts_run_in_their_order(host, converge):
    scripts = ("firstaction", "prerotate", "postrotate", "lastaction")
    values = {f"httpd_logrotate_{name}": f"echo {name} >> /run/rotated\n" for name in scripts}
    values["httpd_logrotate_options"] = ["monthly", "rotate 3", "missingok", "ifempty"]
    predicted = converge(check=True, **values)
    run = converge(**values)
    for each in (predicted, run):
        assert (each.rc, each.changed) == (0, 1)
        assert (each.results[-1]["paths"], each.results[-1]["service"]) == ([PATH], [])
    try:
        host.check_output(ROTATE)
        assert host.file("/run/rotated").content_string.split() == list(scripts)
    finally:
        host.check_output("rm /run/rotated /run/logrotate-test /srv/logs/*.1")
    assert converge(**values).changed == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"httpd_logrotate_options": ["rotat 5"]}, "logrotate_options: logrotate refuses 'rotat 5': unknown"),
        ({"httpd_logrotate_prerotate": "if true"}, "logrotate_prerotate: the shell refuses it: sh: "),
    ],
)
def test_what_logrotate_refuses_is_named_and_nothing_touched(converge, fingerprint, values, message):
    before = fingerprint()
    run = converge(**values)
    assert run.rc != 0
    assert message in run.said
    assert fingerprint() == before


@pytest.mark.usefixtures("original_configuration")
def test_log_that_another_file_rotates_is_refused(host, converge, fingerprint):
    host.check_output("printf '/srv/logs/*.log {\\n weekly\\n}\\n' > /etc/logrotate.d/0-other")
    before = fingerprint()
    run = converge(httpd_logrotate_options=["weekly"])
    assert run.rc != 0
    assert "the logs of the vhosts: duplicate log entry for /srv/logs/logged.example.org_" in run.said
    assert fingerprint() == before
