"""Fixtures for the tests of apt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from repository import Repositories, forget_packages, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plays import Run
    from testinfra.host import Host


@pytest.fixture(scope="session")
def repositories(host: Host) -> Iterator[Repositories]:
    """Repositories that the host serves to itself."""
    yield serve(host)
    host.check_output("systemctl stop strata-repository")


@pytest.fixture
def in_force(host: Host) -> Callable[[], str]:
    """Return what apt works with: its settings, its lists, and what it makes of them."""
    return lambda: host.check_output(
        "sha256sum $(find /etc/apt /var/lib/apt/lists -type f ! -name lock | sort) && apt-cache policy | sha256sum"
    )


@pytest.fixture(scope="module")
def afterwards(host: Host, converge: Callable[..., Run]) -> Iterator[None]:
    """Bring the host back to the scenario's own values after the tests of a file."""
    yield
    host.run("rm -f /run/strata-hold")
    done = converge()
    assert done.rc == 0, done.output
    forget_packages(host)


@pytest.fixture
def fresh(host: Host) -> None:
    """The repositories' packages are not there before a test."""
    forget_packages(host)
