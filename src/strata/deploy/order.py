"""In which order hosts are done: stages, and in each the hosts of a service few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.repository import inventory
from strata.repository.checkout import Repository
from strata.repository.plays import plays_of_hosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: The stage of the hosts that no other one names.
REST = "rest"


@dataclass(frozen=True)
class Stage:
    """Hosts that are done at the same time, by their service: the play of site.yml that they are in."""

    name: str
    services: Mapping[str, Sequence[str]]

    @property
    def hosts(self) -> list[str]:
        """Return the names of all its hosts."""
        return [host for hosts in self.services.values() for host in hosts]

    def only(self, hosts: set[str]) -> Stage:
        """Return the stage with no hosts but these."""
        chosen = {service: [host for host in those if host in hosts] for service, those in self.services.items()}
        return Stage(self.name, {service: those for service, those in chosen.items() if those})


def stages(root: Path, source: Path, patterns: Sequence[str]) -> list[Stage]:
    """Return the stages of an inventory's hosts, without those that are in no play.

    Args:
        root: the checkout.
        source: the inventory.
        patterns: what hosts each stage has, as Ansible reads it; a host is in the first that names it.

    Raises:
        StrataError: a host is in several plays, or something cannot be read.

    """
    manager = inventory.manager(source)
    plays = {host: found for host, found in plays_of_hosts(Repository(root).plays, manager).items() if found}
    for host, found in plays.items():
        if len(found) > 1:
            names = ", ".join(play.name for play in found)
            raise StrataError(f"site.yml: {host} is in {len(found)} plays ({names}), and must be in exactly one")
    left, ordered = dict.fromkeys(plays), []
    for pattern in [*patterns, ""]:
        matching = {host.name for host in manager.get_hosts(pattern)} if pattern else set(left)
        services: dict[str, list[str]] = {}
        for host in [host for host in left if host in matching]:
            del left[host]
            services.setdefault(plays[host][0].name, []).append(host)
        ordered.append(Stage(pattern or REST, services))
    return [stage for stage in ordered if stage.services]


def batches(hosts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield the hosts of a service that are done at the same time."""
    for at in range(0, len(hosts), size):
        yield list(hosts[at : at + size])
