"""Limits, as a session has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host


def limits(host: Host, user: str) -> list[str]:
    """Return the limits of a new session for open files and (soft, hard) for core dumps."""
    return host.check_output(f"su -s /bin/sh {user} -c 'ulimit -n; ulimit -Sc; ulimit -Hc'").split()


def test_a_session_has_its_limits(host: Host) -> None:
    assert limits(host, "games")[:2] == ["321", "0"]
    assert limits(host, "games")[2] != "0"
    assert limits(host, "backup")[0] != "321"


def test_a_limit_that_is_none_is_refused(host: Host, converge: Callable[..., Run]) -> None:
    before = limits(host, "games")
    done = converge(limits_rules=[{"domain": "games", "item": "nofile", "value": "many"}])
    assert done.rc == 2
    assert "not a limit: games - nofile many" in done.said
    assert limits(host, "games") == before
    assert converge().changed == 0


@pytest.mark.spread
def test_a_file_that_wins_is_told_with_its_line(host: Host, converge: Callable[..., Run]) -> None:
    other = "/etc/security/limits.d/zz-other.conf"
    host.check_output("printf '# other\ngames hard nofile 99\nbackup - nofile 5\n' >%s", other)
    try:
        assert limits(host, "games")[0] == "99"
        for options in ({}, {"check": True}, {"limits_rules": [{"domain": "games", "item": "nofile", "value": "7"}]}):
            done = converge(**options)
            assert done.rc == 2
            assert f'{other}:2: "games hard nofile 99" wins over limits_rules: remove it there' in done.message
        assert "games - nofile 321" in host.file("/etc/security/limits.d/strata.conf").content_string
    finally:
        host.check_output("rm %s", other)
    assert converge().changed == 0
