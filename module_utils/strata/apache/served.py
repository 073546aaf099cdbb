"""What Apache makes of a configuration: which of its virtual hosts answers which name, as it says itself."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.text import expanded, listens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible.module_utils.strata.apache.vhosts import Site

_ALONE = re.compile(r"(\S+:(?:\d+|\*))\s+(\S+) \((.*):(\d+)\)")
_PLACE = re.compile(r"(\S+:(?:\d+|\*))\s+is a NameVirtualHost")
_NAMED = re.compile(r"\s+port (\d+|\*) namevhost (\S+) \((.*):(\d+)\)")
_ALIAS = re.compile(r"\s+(wild )?alias (\S+)")


@dataclass(frozen=True)
class Vhost:
    """A virtual host that Apache has read: where it listens, its names, and the file that it stands in."""

    place: str
    name: str
    file: str
    aliases: tuple[str, ...] = ()
    wild: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """The port, 0 for any."""
        number = self.place.rpartition(":")[2]
        return int(number) if number.isdecimal() else 0

    def names(self, site: Site) -> list[str]:
        """Return the names that the text of a site gives it: without one it has that of the host."""
        text = expanded(site.text).lower()
        return [each for each in (self.name, *self.aliases) if each.lower() in text]

    def answers(self, name: str) -> bool:
        """Return whether it answers a name, if none before it does."""
        name = name.lower()
        exact = name in (each.lower() for each in (self.name, *self.aliases))
        return exact or any(fnmatch.fnmatchcase(name, each.lower().replace("[", "[[]")) for each in self.wild)


def parse(output: str) -> list[Vhost]:
    """Return the virtual hosts that `apache2ctl -t -D DUMP_VHOSTS` prints, in the order in which Apache tries them."""
    found: list[Vhost] = []
    place = ""
    for line in output.splitlines():
        if alone := _ALONE.fullmatch(line):
            found.append(Vhost(alone[1], alone[2], os.path.basename(alone[3])))
        elif group := _PLACE.fullmatch(line):
            place = group[1]
        elif named := _NAMED.fullmatch(line):
            found.append(Vhost(place, named[2], os.path.basename(named[3])))
        elif (alias := _ALIAS.fullmatch(line)) and found:
            kind = "wild" if alias[1] else "aliases"
            last = found.pop()
            more = {kind: (*getattr(last, kind), alias[2])}
            found.append(Vhost(**{**vars(last), **more}))
    return found


def problems(vhosts: Sequence[Vhost], sites: Iterable[Site]) -> list[str]:
    """Return a sentence for each name of a declared site that the site can never answer."""
    by_file = {site.file: site for site in sites}
    groups: dict[str, list[Vhost]] = {}
    for vhost in vhosts:
        groups.setdefault(vhost.place, []).append(vhost)
    return [
        text
        for group in groups.values()
        for at, vhost in enumerate(group)
        if vhost.file in by_file
        for text in _unreached(vhost, group[:at], by_file)
    ]


def unheard(vhosts: Iterable[Vhost], sites: Sequence[Site], ports: Iterable[int]) -> list[str]:
    """Return a sentence for each port of a declared site that neither its text nor its declaration tells.

    Args:
        vhosts: what Apache has read.
        sites: the declared ones.
        ports: what Apache is told to listen on.

    """
    known = {0, *ports}.union(*(listens(site.text) for site in sites))
    by_file = {site.file: site for site in sites}
    found = {(vhost.file, vhost.port) for vhost in vhosts if vhost.file in by_file and vhost.port not in known}
    return [
        f"{by_file[file]} is served on port {port}, which its text takes from a variable that it does not define: "
        f"write the number there, or Define it there, so that Apache listens on it and the firewall opens it."
        for file, port in sorted(found)
    ]


def _unreached(vhost: Vhost, before: Sequence[Vhost], by_file: Mapping[str, Site]) -> Iterator[str]:
    site = by_file[vhost.file]
    names = vhost.names(site)
    if before and not names and not vhost.wild:
        yield f"{site} has a <VirtualHost {vhost.place}> without a ServerName, and is not the first: nobody gets it."
    for name in names:
        if name.endswith("."):
            yield f"{site} has the name {name}, and Apache takes the dot from what is asked for: leave it out."
            continue
        if first := next((each for each in before if each.answers(name)), None):
            yield f"{site} never answers {name} on {vhost.place}: {_taker(first, vhost, name, by_file)}."


def _taker(first: Vhost, vhost: Vhost, name: str, by_file: Mapping[str, Site]) -> str:
    """Return words about the virtual host that answers a name instead."""
    wild = next((each for each in first.wild if name not in (first.name, *first.aliases)), "")
    has = f" with its alias {wild}" if wild else ""
    if first.file == vhost.file:
        return f"another <VirtualHost {first.place}> of its own comes first{has}"
    return f"{by_file.get(first.file, first.file)} comes first{has}, so give that one a larger priority"
