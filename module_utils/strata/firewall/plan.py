"""A chain of our own in the filter table as text: its rules, what `iptables-save` says of it, what `-restore` needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

BUILT_IN_CHAINS = {"INPUT", "FORWARD", "OUTPUT"}
HIGHEST_PORT = 65535

# The limit keeps whoever knocks from filling the host's log.
LOG = '-m limit --limit 10/min -j LOG --log-prefix "strata-reject: "'

# Commands, and options that change what the line is about; whatever else has no place in a rule is refused by iptables.
NOT_IN_A_RULE = re.compile(
    r"-[ACDEFILNPRSXZtMhVwW46].*"
    r"|--(append|check|delete|rename-chain|flush|insert|list|new-chain|policy|replace|list-rules|delete-chain|zero"
    r"|table|modprobe|help|version|wait|wait-interval|ipv4|ipv6)(=.*)?"
)


class FirewallError(Exception):
    """The firewall can't be as declared; the message says why in one sentence."""


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
    source: IPv4Network | IPv6Network | None = None

    @property
    def rule(self) -> str:
        """The rule, as iptables prints it."""
        source = f"-s {self.source} " if self.source and self.source.prefixlen else ""
        return f"{source}-p {self.protocol} -m {self.protocol} --dport {self.port} -j ACCEPT"


@dataclass(frozen=True)
class Owned:
    """What of a filter table is ours: the rules of our chain, and those of INPUT that lead to it, with positions."""

    rules: tuple[str, ...] | None
    jumps: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Change:
    """What happens to the rules of one family."""

    family: Family
    before: Owned
    after: Owned


NOTHING = Owned(None, ())
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
        raise FirewallError(
            f"chain: {name!r} can't name a chain: take up to 28 letters, digits, '_', '.', '-', not capitals only"
        )
    return name


def declared(parameter: str, entries: Iterable[Any]) -> list[tuple[str, str]]:
    """Return the value of each entry and its origin; an entry is a value, or a value with its origin."""
    pairs = (entry if isinstance(entry, dict) else {"value": entry} for entry in entries)
    return [(str(pair.get("value", "")), pair.get("origin") or parameter) for pair in pairs]


def check_port(where: str, value: str) -> tuple[int, int]:
    """Return the first and the last port of a range, which are the same for a single port."""
    if not re.fullmatch(r"[0-9]{1,5}(:[0-9]{1,5})?", value):
        raise FirewallError(f"{where}: {value!r} is neither a port nor a range of ports such as 6000:6010")
    numbers = [int(number) for number in value.split(":")]
    if not 0 < numbers[0] <= numbers[-1] <= HIGHEST_PORT:
        raise FirewallError(
            f"{where}: {value!r} is out of order: ports go from 1 to {HIGHEST_PORT}, ranges from low to high"
        )
    return numbers[0], numbers[-1]


def write_port(low: int, high: int) -> str:
    """Return a range of ports as iptables writes it."""
    return str(low) if low == high else f"{low}:{high}"


def check_ports(parameter: str, protocol: str, entries: Iterable[Any]) -> list[Opening]:
    """Return the openings of ports and ranges of ports for everybody, sorted."""
    ports = sorted((check_port(origin, value), origin) for value, origin in declared(parameter, entries))
    return [Opening(protocol, write_port(*port), origin) for port, origin in ports]


def check_rules(family: Family, entries: Iterable[Any]) -> list[Rule]:
    """Return raw rules, each known to be one line that speaks of no other chain or table."""
    rules = []
    for value, origin in declared(family.parameter, entries):
        rule = Rule(value.strip(), origin)
        where = f"{rule.origin}: the {family.name} rule {rule.value!r}"
        if not rule.value or not rule.value.isprintable():
            raise FirewallError(f"{where} must be one line of text without tabs")
        for word in re.sub(r'"(\\.|[^"\\])*"', '""', rule.value).split():
            if NOT_IN_A_RULE.fullmatch(word):
                raise FirewallError(f"{where} can't have {word!r}: write one rule of our chain, without '-A CHAIN'")
        rules.append(rule)
    return rules


def desired_rules(
    family: Family, openings: Iterable[Opening], rules: Iterable[Rule], *, log_rejects: bool = False
) -> list[Rule]:
    """Return the content of our chain, in order, each rule without `-A CHAIN`; equal openings are one rule."""
    accepted: dict[str, dict[str, None]] = {}
    for opening in openings:
        if opening.source is None or opening.source.version == family.version:
            accepted.setdefault(opening.rule, {})[opening.origin] = None
    return [
        Rule("-i lo -j ACCEPT"),
        Rule("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        *(Rule(value) for value in family.icmp),
        *(Rule(value, ", ".join(origins)) for value, origins in accepted.items()),
        *rules,
        *([Rule(LOG)] if log_rejects else []),
        Rule("-p tcp -j REJECT --reject-with tcp-reset"),
        Rule(f"-j REJECT --reject-with {family.reject}"),
    ]


def with_jump(chain: str, rules: Iterable[str]) -> Owned:
    """Return the state in which the first rule of INPUT, and no other, leads to our chain with these rules."""
    return Owned(tuple(rules), ((1, f"-j {chain}"),))


def parse(saved: str, chain: str) -> Owned:
    """Return what is ours in the filter table that `iptables-save` printed."""
    rules: list[str] | None = None
    jumps = []
    position = 0
    for line in saved.splitlines():
        if line.startswith("# Table `filter' is incompatible"):
            raise FirewallError(
                "the filter table has rules of nft that iptables can't read: remove them with nft first"
            )
        if line.startswith(f":{chain} "):
            rules = []
        elif rules is not None and line.startswith(f"-A {chain} "):
            rules.append(line.removeprefix(f"-A {chain} "))
        elif line.startswith("-A INPUT "):
            position += 1
            if line.endswith((f" -j {chain}", f" -g {chain}")):
                jumps.append((position, line.removeprefix("-A INPUT ")))
    return Owned(None if rules is None else tuple(rules), tuple(jumps))


def transition(chain: str, before: Owned, after: Owned) -> str:
    """Return the input of `iptables-restore --noflush` that leads from one state to another in one transaction."""
    lines = ["*filter", f":{chain} - [0:0]"]  # declaring our chain makes it, or empties it
    lines += [f"-A {chain} {rule}" for rule in after.rules or ()]
    if before.jumps != after.jumps:
        lines += [f"-D INPUT {rule}" for _, rule in before.jumps]
        lines += [f"-I INPUT {position} {rule}" for position, rule in after.jumps]
    if after.rules is None:
        lines.append(f"-X {chain}")
    return "\n".join([*lines, "COMMIT", ""])


def undoing(chain: str, changes: Iterable[Change]) -> str:
    """Return the shell commands that lead back from changes; each sets `status` to 1 when it fails."""
    return "".join(
        f"{change.family.prefix}-restore --noflush --wait=60 <<'END' || status=1\n"
        f"{transition(chain, change.after, change.before)}END\n"
        for change in changes
    )


def plan(before: Mapping[Family, Owned], after: Mapping[Family, Owned]) -> list[Change]:
    """Return the changes of the families that are not yet as they should be."""
    return [Change(family, before[family], after[family]) for family in after if before[family] != after[family]]


def show(chain: str, owned: Owned) -> str:
    """Return our part of a filter table for a reader."""
    lines = [f"INPUT, rule {position}: {rule}" for position, rule in owned.jumps]
    if owned.rules is not None:
        lines += [f"chain {chain}:", *(f"  {rule}" for rule in owned.rules)]
    return "".join(f"{line}\n" for line in lines)
