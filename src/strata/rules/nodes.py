"""Rules for node definitions: which play of site.yml a host is in, as Ansible sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.inventory import manager
from strata.rules.repository import Play, Repository
from strata.source import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible.inventory.manager import InventoryManager

    from strata.source import Violation


def assignments(root: Path, inventory: Path) -> dict[str, list[str]]:
    """Return each host of an inventory with the names of the plays of site.yml that it is in.

    Raises StrataError for a site.yml or an inventory that can't be read.
    """
    plays = plays_of_hosts(Repository(root).plays, manager(inventory))
    return {host: [play.name for play in found] for host, found in plays.items()}


def hosts_are_in_one_play(repository: Repository) -> Iterator[Violation]:
    """Every host of every inventory is in exactly one play, and every play has a host in some inventory."""
    plays = repository.plays
    used: set[int] = set()
    for inventory in sorted(path for path in (repository.root / "inventories").glob("[!.]*") if path.is_dir()):
        name = f"inventories/{inventory.name}"
        try:
            nodes = plays_of_hosts(plays, manager(inventory))
        except BrokenFileError:
            raise
        except StrataError as error:
            yield repository.source(name).violation(1, str(error))
            continue
        for host, found in nodes.items():
            used.update(play.line for play in found)
            if not found:
                yield repository.site.violation(1, f"no play is for {host} of {name}")
            elif len(found) > 1:
                names = " and ".join(repr(play.name) for play in found)
                message = f"{host} of {name} is in {len(found)} plays: {names}"
                yield repository.site.violation(found[1].line, message)
    for play in plays:
        if play.line not in used:
            message = f"the play {play.name!r} is for no host of any inventory: nothing matches {','.join(play.hosts)}"
            yield repository.site.violation(play.line, message)


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
