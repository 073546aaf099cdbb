"""What rules do to packets, as far as it is certain: which can never apply, and which ports they close."""

from __future__ import annotations

import ipaddress
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata.firewall.declared import Network, check_port

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ansible.module_utils.strata.firewall.plan import Owned
    from ansible.module_utils.strata.listeners import Port

ACCEPT = "ACCEPT"
FINAL = {ACCEPT, "DROP", "REJECT"}
ADDRESSES = {"-s", "-d"}
PORTS = {"--dport": "--dport", "--dports": "--dport", "--sport": "--sport", "--sports": "--sport"}
EXACT = {"-p", "-i", "--icmp-type", "--icmpv6-type"}
# What these ask for is in the options that follow, or changes nothing.
PLAIN_MODULES = {"tcp", "udp", "icmp", "icmp6", "multiport", "comment"}


@dataclass
class Match:
    """Which packets a rule is about; `partial` if it asks for something else besides, such as a limit."""

    exact: dict[str, str] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    ports: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    partial: bool = False
    target: str = ""

    def covers(self, other: Match) -> bool:
        """Tell whether all packets that another one is about are among its own, unless it is partial."""
        return (
            all(other.exact.get(key) == value for key, value in self.exact.items())
            and all(_within(other.networks.get(key), network) for key, network in self.networks.items())
            and all(_all_within(other.ports.get(key), ports) for key, ports in self.ports.items())
        )

    def may_let_in(self, port: Port) -> bool:
        """Tell whether it lets new connections in, from wherever, to a port."""
        ports = self.ports.get("--dport")
        return (
            self.target == ACCEPT
            and self.exact.get("-p", port.protocol) == port.protocol
            and self.exact.get("-i") != "lo"
            and (ports is None or _all_within([(port.number, port.number)], ports))
        )


def read(rule: str) -> Match:
    """Return what a rule says, in the form that iptables prints."""
    match = Match()
    words = iter(shlex.split(rule))
    for word in words:
        if word == "-j":
            match.target = next(words, "")
            break
        if word == "-m":
            match.partial |= next(words, "") not in PLAIN_MODULES
        elif word == "--comment":
            next(words, "")
        elif word in EXACT:
            match.exact[word] = next(words, "")
        elif word in ADDRESSES or word in PORTS:
            _read_value(match, word, next(words, ""))
        else:
            match.partial = True
            if word == "!":
                next(words, "")
    return match


def _read_value(match: Match, word: str, value: str) -> None:
    try:
        if word in ADDRESSES:
            match.networks[word] = ipaddress.ip_network(value, strict=False)
        else:
            match.ports[PORTS[word]] = [check_port(word, each) for each in value.split(",")]
    except ValueError:  # a name, in the words of a user
        match.partial = True


def never_applied(rules: Sequence[str], opened: Collection[str], fixed: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give the rules that can never apply, each with the one ahead of it that takes all of its packets.

    Args:
        rules: all rules of the chain, as iptables prints them.
        opened: those that are made of ports and hosts; what is let in already needs no second rule.
        fixed: those that every host has, which nobody asks for.

    """
    # Only these can take all packets of another rule.
    deciding: dict[str, Match] = {}
    seen: set[str] = set()
    for rule in rules:
        match = read(rule)
        raw = rule not in opened or rule in seen
        taken = (text for text, one in deciding.items() if (raw or one.target != match.target) and one.covers(match))
        if rule not in fixed and (by := next(taken, "")):
            yield rule, by
        seen.add(rule)
        if match.target in FINAL and not match.partial:
            deciding.setdefault(rule, match)


def closed(ports: Mapping[Port, Iterable[str]], before: Mapping[str, Owned], after: Mapping[str, Owned]) -> list[Port]:
    """Return the ports that new rules close, in all families in which something listens at them.

    Args:
        ports: where something listens, and in which families (names).
        before: what is in force, by the name of the family.
        after: what will be.

    """
    was, will_be = ({name: _readers(owned) for name, owned in each.items()} for each in (before, after))
    return [
        port
        for port, families in ports.items()
        if any(_lets_in(was[family], port) for family in families)
        and not any(_lets_in(will_be[family], port) for family in families)
    ]


def _readers(owned: Owned) -> list[Match] | None:
    """Return what the rules say; None if no packet comes to them."""
    if owned.rules is None or not owned.jumps:
        return None
    # A rule about known connections lets no new one in.
    return [read(rule) for rule in owned.rules if "--ctstate" not in rule or "NEW" in rule]


def _lets_in(matches: list[Match] | None, port: Port) -> bool:
    return matches is None or any(match.may_let_in(port) for match in matches)


def _within(network: Network | None, other: Network) -> bool:
    return network is not None and network.prefixlen >= other.prefixlen and network.network_address in other


def _all_within(ports: list[tuple[int, int]] | None, others: list[tuple[int, int]]) -> bool:
    return ports is not None and all(
        any(low <= first and last <= high for low, high in others) for first, last in ports
    )
