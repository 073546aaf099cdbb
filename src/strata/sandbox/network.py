"""Choosing address ranges that nothing on this machine uses yet."""

import hashlib
import ipaddress
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from strata.errors import UsageError
from strata.sandbox.podman import podman_json

#: The range for benchmarks of networks (RFC 2544), routed nowhere: 512 networks of 254 hosts.
POOL = IPv4Network("198.18.0.0/15")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Ranges:
    """The addresses of one sandbox."""

    v4: Network
    v6: Network

    def address(self, number: int) -> str:
        """Return the IPv4 address of the host `number`."""
        return str(self.v4[number])

    def address6(self, number: int) -> str:
        """Return the IPv6 address of the host `number`; it ends in the same digits as the IPv4 address."""
        return str(self.v6[int(str(number), 16)])


def choose(name: str) -> Ranges:
    """Return free ranges for the sandbox `name`, the same ones each time while they are free.

    The variables `STRATA_SUBNET` and `STRATA_SUBNET6` set them instead.

    Raises:
        UsageError: a range that was set is taken or is not a range, or none is free.

    """
    seed = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    taken = list(_taken())
    return Ranges(
        _given("STRATA_SUBNET", 4, taken) or _first_free(_candidates_v4(seed), taken),
        _given("STRATA_SUBNET6", 6, taken) or _first_free(_candidates_v6(seed), taken),
    )


def _candidates_v4(seed: int) -> Iterator[Network]:
    networks = list(POOL.subnets(new_prefix=24))
    return (networks[(seed + offset) % len(networks)] for offset in range(len(networks)))


def _candidates_v6(seed: int) -> Iterator[Network]:
    """Give unique local networks (RFC 4193): fd, 40 bits of the seed, and a network number."""
    prefix = (0xFD << 120) | ((seed & (1 << 40) - 1) << 80)
    return (IPv6Network((prefix | (number << 64), 64)) for number in range(256))


def _first_free(candidates: Iterable[Network], taken: list[tuple[Network, str]]) -> Network:
    for candidate in candidates:
        if not _holder(candidate, taken):
            return candidate
    raise UsageError("no address range is free for the sandbox: set STRATA_SUBNET and STRATA_SUBNET6")


def _given(variable: str, version: int, taken: list[tuple[Network, str]]) -> Network | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise UsageError(f"{variable}={text} is not a range of addresses: {error}") from None
    if network.version != version or network.num_addresses < 256:  # noqa: PLR2004 - as many as host numbers
        raise UsageError(f"{variable}={text} must be an IPv{version} range of at least 256 addresses")
    holder = _holder(network, taken)
    if holder:
        raise UsageError(f"{variable}={text} is taken by {holder}: choose another range, or unset it")
    return network


def _holder(network: Network, taken: list[tuple[Network, str]]) -> str | None:
    """Return who uses a part of `network` already."""
    return next(
        (holder for other, holder in taken if other.version == network.version and other.overlaps(network)), None
    )


def _taken() -> Iterator[tuple[Network, str]]:
    """List the ranges in use: addresses, routes, and podman's networks, even those that are not up."""
    for interface in _ip("address", "show"):
        for entry in interface.get("addr_info", []):
            network = ipaddress.ip_network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
            yield network, f"the interface {interface['ifname']}"
    for family in ("-4", "-6"):
        for route in _ip(family, "route", "show", "table", "all"):
            if route.get("dst", "default") != "default" and route.get("type", "unicast") == "unicast":
                yield ipaddress.ip_network(route["dst"], strict=False), f"a route by {route.get('dev', 'a gateway')}"
    for entry in podman_json("network", "ls", "--format", "json"):
        for subnet in entry.get("subnets", []):
            yield ipaddress.ip_network(subnet["subnet"]), f"podman's network {entry['name']}"


def _ip(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", *arguments], capture_output=True, text=True, check=True)
    listing: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return listing
