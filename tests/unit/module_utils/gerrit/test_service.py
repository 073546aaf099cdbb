"""A running Gerrit: where it is asked, and what of its logs is said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.gerrit import service
from ansible.module_utils.strata.gerrit.config import entries

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("config", "addresses"),
    [
        ({}, ["http://localhost:8080", "ssh://localhost:29418"]),
        ({"httpd": {"listenUrl": "proxy-https://127.0.0.1:8081/"}}, ["http://127.0.0.1:8081", "ssh://localhost:29418"]),
        ({"httpd": {"listenUrl": ["https://*/r/", "http://x/"]}}, ["https://localhost:443/r", "ssh://localhost:29418"]),
        ({"sshd": {"listenAddress": "off"}}, ["http://localhost:8080"]),
        ({"sshd": {"listenAddress": ["[::1]:29", ":30"]}}, ["http://localhost:8080", "ssh://::1:29"]),
        (
            {"httpd": {"listenUrl": "http://[::]:80/"}, "sshd": {"listenAddress": ":9"}},
            ["http://::1:80", "ssh://localhost:9"],
        ),
    ],
)
def test_where_gerrit_is_asked(config: dict[str, Any], addresses: list[str]) -> None:
    assert [str(each) for each in service.addresses(entries(config))] == addresses


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"httpd": {"listenUrl": "127.0.0.1:8080"}}, "httpd.listenUrl '127.0.0.1:8080' is not a URL"),
        ({"sshd": {"listenAddress": "here"}}, "sshd.listenAddress 'here' is not an address"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        service.addresses(entries(config))


LOG = """[2026-11-28T08:16:25] [main] INFO  c.g.g.Daemon : Starting
[2026-11-28T08:16:35] [main] ERROR com.google.gerrit.pgm.Daemon : Unable to start daemon
java.lang.IllegalStateException: Cannot start HTTP daemon
\tat com.google.gerrit.pgm.http.jetty.JettyServer.start(JettyServer.java:170)
Caused by: java.io.IOException: Failed to bind to /127.0.0.1:8081
\t... 11 more
Caused by: java.net.BindException: Address already in use
"""


def test_of_a_log_only_what_tells_why_is_said() -> None:
    said = service.telling(LOG)
    assert said.endswith("Caused by: java.net.BindException: Address already in use")
    assert "Failed to bind to /127.0.0.1:8081" in said
    assert "JettyServer" not in said
    assert "INFO" not in said


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The folder of the logs of a site, which is Gerrit's user's own."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def daemon(logs: Path) -> service.Daemon:
    return service.Daemon(lambda *_, **__: (0, "", ""), str(logs.parent), 1)


def test_what_was_logged_since_is_read_also_when_the_log_has_begun_anew(logs: Path) -> None:
    (logs / "error_log").write_text("old\n")
    mark = daemon(logs).mark()
    with (logs / "error_log").open("a") as stream:
        stream.write("new\n")
    assert daemon(logs).logged(mark) == "new\n"
    (logs / "error_log").rename(logs / "rotated")
    (logs / "error_log").write_text("anew\n")
    assert daemon(logs).logged(mark) == "anew\n"


@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_what_stands_where_a_log_belongs_is_neither_read_nor_waited_for(logs: Path, trap: str) -> None:
    log, canary = logs / "error_log", logs.parent / "canary"
    canary.write_text("ERROR canary")
    if trap == "link":
        log.symlink_to(canary)
    elif trap == "pipe":
        os.mkfifo(log)
    else:
        log.mkdir()
    assert daemon(logs).mark() == {}
    assert daemon(logs).logged({}) == ""


def test_only_the_end_of_an_endless_log_is_read(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST", 10)
    (logs / "error_log").write_text("x" * 100 + "123456789\n")
    assert daemon(logs).logged({}) == "123456789\n"
