"""Hosts as Ansible sees them in their play of site.yml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError, UsageError, nearest
from strata.paths import ROOT, shown
from strata.repository.checkout import Repository
from strata.repository.inventory import manager, private_folder, sentence
from strata.repository.plays import plays_of_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Site:
    """site.yml and an inventory, read by Ansible's own code.

    `loader` reads files, `inventory` has hosts and groups, `variables` merges what they set; each is Ansible's.
    """

    def __init__(self, source: Path, extra_vars: Sequence[str] = ()) -> None:
        """Read the inventory `source`; `extra_vars` are those of a command line.

        Raises:
            UsageError: there is no such inventory.
            StrataError: Ansible cannot read it.

        """
        self.source = source
        self.inventory = manager(source)
        from ansible import context  # noqa: PLC0415 - slow, as all of Ansible
        from ansible.errors import AnsibleError  # noqa: PLC0415
        from ansible.vars.hostvars import HostVars  # noqa: PLC0415
        from ansible.vars.manager import VariableManager  # noqa: PLC0415

        self.loader = self.inventory._loader  # noqa: SLF001 - it has no public name
        self.loader.set_basedir(str(ROOT))
        context.CLIARGS = context.CLIArgs({"extra_vars": tuple(extra_vars)})
        try:
            self._take_vault_secrets()
            self.variables = VariableManager(loader=self.loader, inventory=self.inventory)
        except AnsibleError as error:
            raise StrataError(sentence(error)) from None
        self.hostvars = HostVars(inventory=self.inventory, variable_manager=self.variables, loader=self.loader)
        self._plays = plays_of_hosts(Repository(ROOT).plays, self.inventory)

    def _take_vault_secrets(self) -> None:
        """Let Ansible have the keys that its configuration names."""
        from ansible import constants  # noqa: PLC0415 - slow, as all of Ansible
        from ansible.cli import CLI  # noqa: PLC0415
        from ansible.parsing.vault import VaultSecretsContext  # noqa: PLC0415

        ids = list(constants.DEFAULT_VAULT_IDENTITY_LIST)
        secrets = CLI.setup_vault_secrets(self.loader, ids, auto_prompt=False, initialize_context=False)
        if VaultSecretsContext.current(optional=True) is None:
            VaultSecretsContext.initialize(VaultSecretsContext([]))
        VaultSecretsContext.current().secrets = secrets

    @property
    def hosts(self) -> list[str]:
        """Return the names of the hosts, sorted."""
        return list(self._plays)

    @cached_property
    def folders(self) -> list[tuple[Path, bool]]:
        """Return the folders that have group_vars and host_vars, the last one on top, and whether each is private."""
        given = (self.source if self.source.is_dir() else self.source.parent).resolve()
        private = private_folder(self.source)
        return [(given, False), (ROOT, False), *([(private, True)] if private else [])]

    def node(self, name: str) -> Node:
        """Return a host with its play.

        Raises:
            UsageError: there is no such host, or it is in no play or in several.
            StrataError: Ansible cannot read what belongs to it.

        """
        if name not in self._plays:
            raise UsageError(f"{shown(self.source)}: there is no host {name!r}{nearest(name, self._plays)}")
        plays = self._plays[name]
        if len(plays) != 1:
            raise UsageError(f"site.yml: {name} is in {len(plays)} plays, and must be in exactly one")
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible
        from ansible.playbook.play import Play  # noqa: PLC0415

        at = Repository(ROOT).plays.index(plays[0])
        try:
            data = self.loader.load_from_file(str(ROOT / "site.yml"))[at]
            play = Play.load(data, variable_manager=self.variables, loader=self.loader)
            host = self.inventory.get_host(name)
            return Node(self, host, play, self.variables.get_vars(play=play, host=host))
        except AnsibleError as error:
            raise StrataError(sentence(error)) from None


@dataclass(frozen=True)
class Node:
    """A host in its play; `host` and `play` are Ansible's, `variables` are what its tasks see, not yet evaluated."""

    site: Site
    host: Any
    play: Any
    variables: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the host's name."""
        return str(self.host.name)

    @property
    def groups(self) -> list[Any]:
        """Return the host's groups, `all` first, then in the order in which Ansible reads their variables."""
        from ansible.inventory.helpers import sort_groups  # noqa: PLC0415 - slow, as all of Ansible

        return list(sort_groups(self.host.get_groups()))

    @cached_property
    def roles(self) -> dict[str, Any]:
        """Return the roles of the play by name, each after those that it depends on."""
        given = (each for role in self.play.roles for each in (*role.get_all_dependencies(), role))
        return {role.get_name(): role for role in given}

    @cached_property
    def options(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what meta/argument_specs.yml of each role of the play says of its parameters."""
        return {name: self._options(role._role_path) for name, role in self.roles.items()}  # noqa: SLF001 - no public name

    @cached_property
    def options_of_others(self) -> dict[str, dict[str, Any]]:
        """Return what roles that are not in the play say of variables that the host has all the same."""
        from ansible.plugins.loader import lookup_loader  # noqa: PLC0415 - slow, as all of Ansible

        folders = lookup_loader.get("role_metadata").role_folders({"playbook_dir": str(ROOT)})
        found: dict[str, dict[str, Any]] = {}
        for role in folders.keys() - self.roles.keys():
            if any(name.startswith(f"{role}_") for name in self.variables):
                found.update(self._options(folders[role]))
        return found

    def _options(self, folder: str) -> dict[str, dict[str, Any]]:
        """Return what a role says of its parameters, where Ansible looks for it."""
        for file in ("argument_specs.yml", "argument_specs.yaml", "main.yml"):
            path = Path(folder, "meta", file)
            content = (self.site.loader.load_from_file(str(path)) or {}) if path.exists() else {}
            if "argument_specs" in content:
                return (content["argument_specs"].get("main") or {}).get("options") or {}
        return {}
