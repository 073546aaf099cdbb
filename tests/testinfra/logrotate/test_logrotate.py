"""Logs are rotated by the real logrotate; what it refuses never stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]

GOOD = {"name": "good.example.org", "paths": ["/var/log/good.log"]}


def files(host: Host) -> str:
    return host.check_output("cd /etc/logrotate.d && sha256sum *")


def test_logs_are_rotated_each_day(host: Host) -> None:
    assert host.service("logrotate.timer").is_running
    assert host.service("logrotate.timer").is_enabled
    host.check_output("mkdir -p /var/log/app && for log in app/one 'other app'; do echo x >\"/var/log/$log.log\"; done")
    host.check_output("logrotate --force --state /run/rotated /etc/logrotate.conf")
    assert host.file("/var/log/app/one.log.1").content_string == "x\n"
    assert host.file("/var/log/other app.log.1").content_string == "x\n"
    assert (host.file("/var/log/app/one.log").mode, host.file("/var/log/app/one.log").size) == (0o640, 0)
    assert host.file("/var/log/app/said").content_string.count("rotated") == 2


@pytest.mark.spread
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"options": ["dayly"]}, "/etc/logrotate.d/wrong:3 unknown option 'dayly'"),
        ({"options": ["create 0640 nobody-at-all adm"]}, "unknown user 'nobody-at-all'"),
        ({"paths": ["/var/log/dpkg.log"]}, "duplicate log entry for /var/log/dpkg.log"),
        ({"paths": ["/srv/nobodys/*.log"]}, "/srv/nobodys belongs to nobody, who could lead root to any file"),
        ({"postrotate": "if true; then"}, "Syntax error"),
        ({"name": "wrong.bak"}, "logrotate does not read /etc/logrotate.d/wrong.bak: Ignoring wrong.bak, because of"),
        ({"name": "wrong/er"}, 'logrotate_files: "wrong/er" is not a valid name of a file'),
    ],
)
def test_what_is_refused_changes_nothing(host: Host, rerun: Converge, values: dict[str, Any], said: str) -> None:
    host.check_output("touch /var/log/dpkg.log && install -d -o nobody /srv/nobodys")
    before = files(host)
    wrong = {"name": "wrong", "paths": ["/var/log/wrong.log"]} | values
    for check in (True, False):
        done = rerun(check=check, logrotate_files=[GOOD, wrong])
        assert (done.rc, said in done.said) == (2, True), done.said
        assert files(host) == before


def test_what_logrotate_leaves_out_is_in_nobodys_way(host: Host, rerun: Converge) -> None:
    host.check_output("mkdir -p /var/log/bücher && echo x >/var/log/bücher/a.log")
    host.check_output("echo '/var/log/bücher/*.log {' >/etc/logrotate.d/umlaut.dpkg-dist")
    try:
        assert rerun(logrotate_files=[GOOD | {"name": "umlaut", "paths": ["/var/log/bücher/*.log"]}]).rc == 0
        host.check_output("logrotate --force --state /run/rotated /etc/logrotate.d/umlaut")
        assert host.file("/var/log/bücher/a.log.1").content_string == "x\n"
    finally:
        host.check_output("rm -rf /etc/logrotate.d/umlaut* /var/log/bücher")


def test_two_new_files_for_one_log_do_not_stay(host: Host, rerun: Converge) -> None:
    host.check_output("touch /var/log/good.log")
    before = files(host)
    done = rerun(logrotate_files=[GOOD, GOOD | {"name": "same"}])
    assert (done.rc, "duplicate log entry for /var/log/good.log" in done.said) == (2, True), done.said
    assert "the old files are back in force" in done.said
    assert files(host) == before


def test_a_file_comes_and_goes(host: Host, rerun: Converge) -> None:
    assert rerun(logrotate_files=[GOOD]).changed == 1
    assert "rotate 14\n" in host.file("/etc/logrotate.d/good.example.org").content_string
    assert host.file("/etc/logrotate.d/app").exists
    assert rerun(logrotate_files=[GOOD | {"ensure": "absent"}]).changed == 1
    assert not host.file("/etc/logrotate.d/good.example.org").exists
