"""Which plays of site.yml a host is in, as Ansible sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.repository.checkout import Play, Repository
from strata.repository.inventory import manager

if TYPE_CHECKING:
    from pathlib import Path

    from ansible.inventory.manager import InventoryManager


def assignments(root: Path, inventory: Path) -> dict[str, list[str]]:
    """Return each host of an inventory with the names of the plays of site.yml that it is in.

    Raises StrataError for a site.yml or an inventory that can't be read.
    """
    plays = plays_of_hosts(Repository(root).plays, manager(inventory))
    return {host: [play.name for play in found] for host, found in plays.items()}


def plays_of_hosts(plays: list[Play], hosts: InventoryManager) -> dict[str, list[Play]]:
    """Return each host of an inventory, but not the localhost that Ansible makes up, with its plays.

    Raises BrokenFileError for a pattern that Ansible cannot read.
    """
    from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible

    found: dict[str, list[Play]] = {host: [] for host in sorted(hosts.hosts)}
    for play in plays:
        try:
            matching = hosts.get_hosts(play.hosts)
        except AnsibleError as error:
            raise play.source.broken(play.line, f"the hosts of the play {play.name!r}: {error}") from None
        for host in matching:
            if host.name in found:
                found[host.name].append(play)
    return found
