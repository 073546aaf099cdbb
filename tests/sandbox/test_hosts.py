"""Bringing hosts up: what is there stays, what is declared otherwise is made anew."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.sandbox.hosts import Host, Sandbox
from strata.sandbox.podman import podman, require

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "test-hosts"


@pytest.fixture
def first() -> Iterator[Sandbox]:
    """Two hosts that are up; each has a file that only this very host has."""
    require()
    sandbox = Sandbox(NAME, [Host("one", "debian-13", 11), Host("two", "debian-12", 12)])
    sandbox.down()
    try:
        sandbox.up()
        for host in ("one", "two"):
            run(sandbox, host, "touch /root/mark")
        yield sandbox
    finally:
        sandbox.down()


def run(sandbox: Sandbox, host: str, command: str) -> tuple[int, str]:
    done = subprocess.run(sandbox.ssh_command(host, command), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def marked(sandbox: Sandbox, host: str) -> bool:
    return run(sandbox, host, "test -e /root/mark")[0] == 0


def test_what_is_there_stays(first: Sandbox) -> None:
    before = first.known()
    first.up()
    assert first.known() == before
    assert marked(first, "one")
    assert run(first, "two", ". /etc/os-release; echo $VERSION_ID") == (0, "12")


def test_a_stopped_host_is_started(first: Sandbox) -> None:
    podman("stop", "--time", "5", first._container("one"))
    assert first.states()["one"] != "running"
    first.up()
    assert marked(first, "one")


@pytest.mark.parametrize("host", [Host("one", "debian-13", 21), Host("one", "debian-12", 11)])
def test_a_host_that_is_declared_otherwise_is_made_anew(first: Sandbox, host: Host) -> None:
    second = Sandbox(NAME, [host, *first.hosts[1:]])
    second.up()
    assert second.known()["one"]["address"].endswith(f".{host.number}")
    assert run(second, "one", ". /etc/os-release; echo debian-$VERSION_ID") == (0, host.image)
    assert not marked(second, "one")
    assert marked(second, "two")


def test_a_host_that_is_declared_no_more_goes(first: Sandbox) -> None:
    second = Sandbox(NAME, first.hosts[1:])
    second.up()
    assert list(second.states()) == list(second.known()) == ["two"]
    assert marked(second, "two")


def test_a_restarted_host_keeps_its_key_and_addresses(first: Sandbox) -> None:
    before = first.known()
    first.reboot("one")
    assert run(first, "one", "hostname -I")[1].split()[0] == before["one"]["address"]
    assert marked(first, "one")
