"""Choosing address ranges for a sandbox."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from strata.errors import UsageError
from strata.sandbox import network


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[network.Network, str]]:
    """A machine on which nothing is taken but what a test adds."""
    taken: list[tuple[network.Network, str]] = [(ip_network("192.0.2.0/24"), "the interface eth0")]
    monkeypatch.setattr(network, "_taken", lambda: iter(taken))
    monkeypatch.delenv("STRATA_SUBNET", raising=False)
    monkeypatch.delenv("STRATA_SUBNET6", raising=False)
    return taken


def test_a_sandbox_gets_the_same_ranges_each_time() -> None:
    assert network.choose("one") == network.choose("one")
    assert network.choose("one") != network.choose("two")


def test_taken_ranges_are_passed_over(machine: list[tuple[network.Network, str]]) -> None:
    first = network.choose("one")
    machine += [(first.v4, "another sandbox"), (first.v6, "another sandbox")]
    second = network.choose("one")
    assert not second.v4.overlaps(first.v4)
    assert not second.v6.overlaps(first.v6)


def test_ranges_are_for_tests_and_private() -> None:
    ranges = network.choose("one")
    assert ranges.v4.subnet_of(ip_network("198.18.0.0/15"))
    assert ranges.v6.subnet_of(ip_network("fd00::/8"))


def test_addresses_of_a_host_end_alike() -> None:
    ranges = network.Ranges(ip_network("198.51.100.0/24"), ip_network("2001:db8::/64"))
    assert (ranges.address(21), ranges.address6(21)) == ("198.51.100.21", "2001:db8::21")


def test_a_range_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_SUBNET", "198.51.100.0/24")
    monkeypatch.setenv("STRATA_SUBNET6", "2001:db8::/64")
    assert network.choose("one") == network.Ranges(ip_network("198.51.100.0/24"), ip_network("2001:db8::/64"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "192.0.2.0/24",
            "STRATA_SUBNET=192.0.2.0/24 is taken by the interface eth0: choose another range, or unset it",
        ),
        ("nonsense", "STRATA_SUBNET=nonsense is not a range of addresses"),
        ("198.51.100.0/28", "must be an IPv4 range of at least 256 addresses"),
        ("2001:db8::/64", "must be an IPv4 range of at least 256 addresses"),
    ],
)
def test_a_range_that_cannot_be(monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setenv("STRATA_SUBNET", text)
    with pytest.raises(UsageError, match=message):
        network.choose("one")


def test_no_range_is_left(machine: list[tuple[network.Network, str]]) -> None:
    machine.append((ip_network("198.18.0.0/15"), "everybody"))
    with pytest.raises(UsageError, match="set STRATA_SUBNET"):
        network.choose("one")
