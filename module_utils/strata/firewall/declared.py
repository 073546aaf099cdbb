"""Who may reach which port: everybody, hosts by name or address, and the networks of SNMP."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.firewall.rules import (
    V4,
    V6,
    Family,
    FirewallError,
    Opening,
    check_port,
    check_ports,
    declared,
    write_port,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SNMP_PORT = "161"

LONGEST_NAME = 253
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?:{LABEL}\.)*({LABEL})")

# What ends like this is an address to the resolver, such as 127.1 or 0x7f000001, however odd.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Allowed:
    """A host, by its name or address, that may reach a port or range of ports."""

    host: str
    protocol: str
    ports: tuple[int, int]
    origin: str

    @property
    def name(self) -> str:
        """The name to resolve, or nothing if the host is given by its address."""
        return "" if _address(self.host) else self.host


def check_hosts(entries: Iterable[Mapping[str, Any]]) -> list[Allowed]:
    """Return the hosts that may reach a port, sorted, so that the order of declarations makes no difference."""
    found = []
    for entry in entries:
        origin = entry.get("origin") or "allowed_hosts"
        host, protocol = entry["hostname"].strip().lower(), entry.get("protocol") or "tcp"
        address = _address(host)
        if address and _means_nobody(address):
            raise FirewallError(
                f"{origin}: {host} can't be the address of another host: give the one that it sends from"
            )
        if not address:
            host = host.removesuffix(".")
            match = NAME.fullmatch(host)
            if not match or len(host) > LONGEST_NAME or NUMBER.fullmatch(match[1]):
                raise FirewallError(f"{origin}: {entry['hostname']!r} is neither the name of a host nor an address")
        found.append(Allowed(str(address or host), protocol, check_port(origin, str(entry["port"])), origin))
    return sorted(set(found), key=lambda one: (one.host, one.protocol, one.ports, one.origin))


def openings(allowed: Iterable[Allowed], addresses: Mapping[str, Iterable[str]]) -> list[Opening]:
    """Return what hosts may reach, given the `addresses` of each name, sorted by address."""
    found = []
    for one in allowed:
        for text in addresses[one.name] if one.name else [one.host]:
            address = ipaddress.ip_address(text)
            if not _means_nobody(address):
                opening = Opening(one.protocol, write_port(*one.ports), one.origin, ipaddress.ip_network(address))
                found.append(((address.version, address, one.protocol, one.ports, one.origin), opening))
    return [opening for _, opening in sorted(found, key=lambda pair: pair[0])]


def check_networks(family: Family, parameter: str, entries: Iterable[Any]) -> list[Opening]:
    """Return the openings for addresses and networks that may ask for SNMP, sorted."""
    found = []
    for value, origin in declared(parameter, entries):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise FirewallError(f"{origin}: {value!r} is neither an address nor a network") from None
        if network.version != family.version:
            raise FirewallError(
                f"{origin}: {value} is of IPv{network.version}, but {parameter} takes {family.name}: "
                f"declare it for snmp_v{network.version}hosts"
            )
        if "/" in value and ipaddress.ip_address(value.split("/")[0]) != network.network_address:
            raise FirewallError(f"{origin}: {value} is no network: write {network}")
        found.append(Opening("udp", SNMP_PORT, origin, network))
    return sorted(found, key=lambda opening: (opening.source, opening.origin))


def check_openings(parameters: Mapping[str, Any]) -> list[Opening]:
    """Return what is open to everybody, and to the networks of SNMP."""
    return [
        *check_ports("ssh_ports", "tcp", parameters["ssh_ports"]),
        *check_ports("public_tcp_ports", "tcp", parameters["public_tcp_ports"]),
        *check_ports("public_udp_ports", "udp", parameters["public_udp_ports"]),
        *check_networks(V4, "snmp_v4hosts", parameters["snmp_v4hosts"]),
        *check_networks(V6, "snmp_v6hosts", parameters["snmp_v6hosts"]),
    ]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _means_nobody(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether no other host sends from this address; a name in /etc/hosts often has 127.0.1.1, for example."""
    return address.is_loopback or address.is_unspecified or address.is_multicast
