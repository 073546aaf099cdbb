"""What the files of an inventory set, and for which hosts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.repository.inventory import RECORDED, manager, private_folder
from strata.repository.plays import plays_of_hosts
from strata.repository.source import BrokenFileError, Source, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ansible.inventory.manager import InventoryManager

    from strata.repository.checkout import Play, Repository

#: Endings of files of variables; a host's name may have dots too.
ENDINGS = (".yml", ".yaml", ".json")
ENCRYPTED = "$ANSIBLE_VAULT;"


@dataclass(frozen=True)
class Setting:
    """A variable that a file sets, as it is written, for a host or for a group; `kind` is "host" or "group"."""

    source: Source
    line: int
    name: str
    value: Any
    kind: str
    owner: str


@dataclass(frozen=True)
class Inventory:
    """One folder of inventories/: `manager` is Ansible's view of it, `plays` has the plays of each host.

    `private` is the folder of the private tree that belongs to it.
    """

    repository: Repository
    path: Path
    private: Path | None
    manager: InventoryManager
    plays: Mapping[str, list[Play]]

    @property
    def name(self) -> str:
        """Return the path in the repository."""
        return self.path.relative_to(self.repository.root).as_posix()

    @cached_property
    def files(self) -> list[Source]:
        """Return its YAML files, without those that can't be read, which another rule names."""
        folders = [(self.repository.root, self.path)]
        folders += [(self.private.parent, self.private)] if self.private else []
        sources = [
            Source(root, path)
            for root, folder in folders
            for path in sorted(folder.rglob("*"))
            if path.suffix in ENDINGS and path.is_file() and path.relative_to(folder).parts[0] != RECORDED
        ]
        return [source for source in sources if _is_readable(source)]

    def is_private(self, source: Source) -> bool:
        """Return whether a file is in the private tree."""
        return source.root != self.repository.root

    @cached_property
    def settings(self) -> list[Setting]:
        """Return what its files set."""
        found: list[Setting] = []
        for source in self.files:
            owned = self.owner(source)
            if owned is None:
                found += _of_inventory_file(source)
            else:
                values = source.load()
                names = values if isinstance(values, dict) else {}
                found += [Setting(source, line(names, name), str(name), names[name], *owned) for name in names]
        return found

    def owner(self, source: Source) -> tuple[str, str] | None:
        """Return the host or group that a file of host_vars or group_vars belongs to; None for other files."""
        inside = self.private if self.private and self.is_private(source) else self.path
        folder, *rest = source.path.relative_to(inside).parts
        if folder not in {"group_vars", "host_vars"} or not rest:
            return None
        name = rest[0]
        if len(rest) == 1:
            name = next((name.removesuffix(end) for end in ENDINGS if name.endswith(end)), name)
        return folder.removesuffix("_vars"), name

    def hosts(self, setting: Setting) -> list[str]:
        """Return the hosts that a setting is for."""
        if setting.kind == "host":
            return [setting.owner] if setting.owner in self.manager.hosts else []
        group = self.manager.groups.get(setting.owner)
        return [str(host.name) for host in group.get_hosts()] if group else []

    def roles(self, host: str) -> list[str]:
        """Return the roles that a host runs, in their order."""
        return [role for play in self.plays.get(host, []) for role in self.repository.run_order(play)]


def inventories(repository: Repository) -> Iterator[Inventory]:
    """Give the inventories of a repository that Ansible can read; another rule names those that it can't."""
    for path in sorted(path for path in (repository.root / "inventories").glob("[!.]*") if path.is_dir()):
        try:
            hosts = manager(path)
            yield Inventory(repository, path, private_folder(path), hosts, plays_of_hosts(repository.plays, hosts))
        except StrataError:
            continue


def _is_readable(source: Source) -> bool:
    try:
        source.load()
    except BrokenFileError:
        return False
    return not source.text().startswith(ENCRYPTED)


def _of_inventory_file(source: Source) -> Iterator[Setting]:
    """Give what a file of hosts and groups sets beside their names."""
    values = source.load()
    for name, group in (values if isinstance(values, dict) and "plugin" not in values else {}).items():
        yield from _of_group(source, str(name), group)


def _of_group(source: Source, name: str, group: Any) -> Iterator[Setting]:
    if not isinstance(group, dict):
        return
    yield from _of_mapping(source, group.get("vars"), "group", name)
    for host, variables in _pairs(group.get("hosts")):
        yield from _of_mapping(source, variables, "host", host)
    for child, inner in _pairs(group.get("children")):
        yield from _of_group(source, child, inner)


def _of_mapping(source: Source, variables: Any, kind: str, owner: str) -> Iterator[Setting]:
    for name in variables if isinstance(variables, dict) else ():
        yield Setting(source, line(variables, name), str(name), variables[name], kind, owner)


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return [(str(name), entry) for name, entry in value.items()] if isinstance(value, dict) else []
