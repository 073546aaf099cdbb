"""Limits, as a session has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    assert "not a limit: games - nofile many" in done.output
    assert limits(host, "games") == before
    assert converge().changed == 0
