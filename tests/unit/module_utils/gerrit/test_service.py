"""A running Gerrit: where it is asked, and what of its logs is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.gerrit import service
from ansible.module_utils.strata.gerrit.config import entries


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
