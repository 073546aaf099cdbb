"""What is declared of a firewall: who may reach which port, further rules, and the chain that comes of both."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HIGHEST_PORT = 65535
SNMP_PORT = "161"

LONGEST_NAME = 253
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?:{LABEL}\.)*({LABEL})")

# What ends like this is an address to the resolver, such as 127.1 or 0x7f000001, however odd.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

HOUR = 3600
SHORTEST_LIFETIME, LONGEST_LIFETIME = 1, 10000

# The limit keeps whoever knocks from filling the host's log.
LOG = '-m limit --limit 10/min -j LOG --log-prefix "strata-reject: "'

# Commands, and options that change what the line is about; whatever else has no place in a rule is refused by iptables.
NOT_IN_A_RULE = re.compile(
    r"-[ACDEFILNPRSXZtMhVwW46].*"
    r"|--(append|check|delete|rename-chain|flush|insert|list|new-chain|policy|replace|list-rules|delete-chain|zero"
    r"|table|modprobe|help|version|wait|wait-interval|ipv4|ipv6)(=.*)?"
)


@dataclass(frozen=True)
class Family:
    """What differs between IPv4 and IPv6."""

    name: str
    version: int
    prefix: str
    parameter: str
    saved: str
    icmp: tuple[str, ...]
    reject: str

    @property
    def first_parameter(self) -> str:
        """The parameter of the raw rules that stand ahead of all that is opened."""
        return f"first_{self.parameter}"


@dataclass(frozen=True)
class Rule:
    """A rule, and the variables that ask for it; those that every host has are asked for by none."""

    value: str
    origin: str = ""


@dataclass(frozen=True)
class Opening:
    """A port or range of ports that is open to a network, or to everybody, and the variable that asks for it."""

    protocol: str
    port: str
    origin: str
    source: Network | None = None

    @property
    def rule(self) -> str:
        """The rule, as iptables prints it."""
        source = f"-s {self.source} " if self.source and self.source.prefixlen else ""
        return f"{source}-p {self.protocol} -m {self.protocol} --dport {self.port} -j ACCEPT"


@dataclass(frozen=True)
class Denied:
    """A network from which nothing new is let in, and the variable that asks for that."""

    source: Network
    origin: str

    @property
    def rule(self) -> str:
        """The rule, as iptables prints it."""
        return f"-s {self.source} -j DROP" if self.source.prefixlen else "-j DROP"


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


V4 = Family(
    name="IPv4",
    version=4,
    prefix="iptables",
    parameter="rules_v4",
    saved="/etc/iptables/rules.v4",
    # Destination unreachable (with "fragmentation needed"), echo request, time exceeded, parameter problem.
    icmp=tuple(f"-p icmp -m icmp --icmp-type {number} -j ACCEPT" for number in (3, 8, 11, 12)),
    reject="icmp-port-unreachable",
)
V6 = Family(
    name="IPv6",
    version=6,
    prefix="ip6tables",
    parameter="rules_v6",
    saved="/etc/iptables/rules.v6",
    # Unreachable, packet too big, time exceeded, parameter problem, echo request; multicast listener query;
    # router advertisement, neighbour solicitation and advertisement: without these a host loses IPv6 (RFC 4890, 4.4.1).
    icmp=tuple(
        f"-p ipv6-icmp -m icmp6 --icmpv6-type {number} -j ACCEPT" for number in (1, 2, 3, 4, 128, 130, 134, 135, 136)
    ),
    reject="icmp6-port-unreachable",
)


def check_chain(name: str) -> str:
    """Return the name of our chain if iptables can have it; names in capitals are those of iptables itself."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,27}", name) or name == name.upper():
        raise DeclarationError(
            f"chain: {name!r} can't name a chain: take up to 28 letters, digits, '_', '.', '-', not capitals only"
        )
    return name


def check_lifetime(hours: int) -> int:
    """Return the seconds for which an address is kept that is no longer in the answers."""
    if not SHORTEST_LIFETIME <= hours <= LONGEST_LIFETIME:
        raise DeclarationError(f"address_lifetime: {hours} must be {SHORTEST_LIFETIME} to {LONGEST_LIFETIME} hours")
    return hours * HOUR


def _pairs(parameter: str, entries: Iterable[Any]) -> list[tuple[str, str]]:
    """Return the value of each entry and its origin; an entry is a value, or a value with its origin."""
    pairs = (entry if isinstance(entry, dict) else {"value": entry} for entry in entries)
    return [(str(pair.get("value", "")), pair.get("origin") or parameter) for pair in pairs]


def check_port(where: str, value: str) -> tuple[int, int]:
    """Return the first and the last port of a range, which are the same for a single port."""
    if not re.fullmatch(r"[0-9]{1,5}(:[0-9]{1,5})?", value):
        raise DeclarationError(f"{where}: {value!r} is neither a port nor a range of ports such as 6000:6010")
    numbers = [int(number) for number in value.split(":")]
    if not 0 < numbers[0] <= numbers[-1] <= HIGHEST_PORT:
        raise DeclarationError(
            f"{where}: {value!r} is out of order: ports go from 1 to {HIGHEST_PORT}, ranges from low to high"
        )
    return numbers[0], numbers[-1]


def write_port(low: int, high: int) -> str:
    """Return a range of ports as iptables writes it."""
    return str(low) if low == high else f"{low}:{high}"


def check_ports(parameter: str, protocol: str, entries: Iterable[Any]) -> list[Opening]:
    """Return the openings of ports and ranges of ports for everybody, sorted."""
    ports = sorted((check_port(origin, value), origin) for value, origin in _pairs(parameter, entries))
    return [Opening(protocol, write_port(*port), origin) for port, origin in ports]


def check_network(origin: str, value: str) -> Network:
    """Return the network, or the address, that a text means."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise DeclarationError(f"{origin}: {value!r} is neither an address nor a network") from None
    if "/" in value and ipaddress.ip_address(value.split("/", maxsplit=1)[0]) != network.network_address:
        raise DeclarationError(f"{origin}: {value} is not a network: write {network}")
    return network


def check_networks(family: Family, parameter: str, entries: Iterable[Any]) -> list[Opening]:
    """Return the openings for addresses and networks that may ask for SNMP, sorted."""
    found = []
    for value, origin in _pairs(parameter, entries):
        network = check_network(origin, value)
        if network.version != family.version:
            raise DeclarationError(
                f"{origin}: {value} is of IPv{network.version}, but {parameter} takes {family.name}: "
                f"declare it for snmp_v{network.version}hosts"
            )
        found.append(Opening("udp", SNMP_PORT, origin, network))
    return sorted(found, key=lambda opening: (opening.source, opening.origin))


def check_denied(entries: Iterable[Any]) -> list[Denied]:
    """Return the networks from which nothing new is let in, IPv4 and IPv6, sorted."""
    found = [Denied(check_network(origin, value), origin) for value, origin in _pairs("denied_sources", entries)]
    return sorted(found, key=lambda one: (one.source.version, one.source, one.origin))


def check_openings(parameters: Mapping[str, Any]) -> list[Opening]:
    """Return what is open to everybody, and to the networks of SNMP."""
    return [
        *check_ports("ssh_ports", "tcp", parameters["ssh_ports"]),
        *check_ports("public_tcp_ports", "tcp", parameters["public_tcp_ports"]),
        *check_ports("public_udp_ports", "udp", parameters["public_udp_ports"]),
        *check_networks(V4, "snmp_v4hosts", parameters["snmp_v4hosts"]),
        *check_networks(V6, "snmp_v6hosts", parameters["snmp_v6hosts"]),
    ]


def check_hosts(entries: Iterable[Mapping[str, Any]]) -> list[Allowed]:
    """Return the hosts that may reach a port, sorted, so that the order of declarations makes no difference."""
    found = []
    for entry in entries:
        origin = entry.get("origin") or "allowed_hosts"
        host, protocol = entry["hostname"].strip().lower(), entry.get("protocol") or "tcp"
        address = _address(host)
        if address and _means_nobody(address):
            raise DeclarationError(
                f"{origin}: {host} can't be the address of another host: give the one that it sends from"
            )
        if not address:
            host = host.removesuffix(".")
            match = NAME.fullmatch(host)
            if not match or len(host) > LONGEST_NAME or NUMBER.fullmatch(match[1]):
                raise DeclarationError(f"{origin}: {entry['hostname']!r} is neither the name of a host nor an address")
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


def check_rules(family: Family, parameter: str, entries: Iterable[Any]) -> list[Rule]:
    """Return raw rules, each known to be one line that speaks of no other chain or table."""
    rules = []
    for value, origin in _pairs(parameter, entries):
        rule = Rule(value.strip(), origin)
        where = f"{rule.origin}: the {family.name} rule {rule.value!r}"
        if not rule.value or not rule.value.isprintable():
            raise DeclarationError(f"{where} must be one line of text without tabs")
        for word in re.sub(r'"(\\.|[^"\\])*"', '""', rule.value).split():
            if NOT_IN_A_RULE.fullmatch(word):
                raise DeclarationError(f"{where} can't have {word!r}: write one rule of our chain, without '-A CHAIN'")
        rules.append(rule)
    return rules


def desired_rules(
    family: Family,
    openings: Iterable[Opening],
    rules: Iterable[Rule],
    *,
    first: Iterable[Rule] = (),
    denied: Iterable[Denied] = (),
    log_rejects: bool = False,
) -> list[Rule]:
    """Return the content of our chain, in order, each rule without `-A CHAIN`; equal openings are one rule."""
    return [
        Rule("-i lo -j ACCEPT"),
        *first,
        Rule("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        *(Rule(value) for value in family.icmp),
        *_merged(family, denied),
        *_merged(family, openings),
        *rules,
        *([Rule(LOG)] if log_rejects else []),
        Rule("-p tcp -j REJECT --reject-with tcp-reset"),
        Rule(f"-j REJECT --reject-with {family.reject}"),
    ]


def _merged(family: Family, entries: Iterable[Opening | Denied]) -> list[Rule]:
    """Return the rules of entries that concern a family; of equal ones, one with the origins of all."""
    merged: dict[str, dict[str, None]] = {}
    for entry in entries:
        if entry.source is None or entry.source.version == family.version:
            merged.setdefault(entry.rule, {})[entry.origin] = None
    return [Rule(value, ", ".join(origins)) for value, origins in merged.items()]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _means_nobody(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether no other host sends from this address; a name in /etc/hosts often has 127.0.1.1, for example."""
    return address.is_loopback or address.is_unspecified or address.is_multicast
