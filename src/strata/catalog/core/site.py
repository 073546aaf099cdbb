"""A playbook and an inventory, read by ansible-core's own code."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible._internal._templating._engine import TemplateEngine
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible.cli import CLI
from ansible.constants import DEFAULT_VAULT_IDENTITY_LIST
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultSecretsContext
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.playbook_include import PlaybookInclude
from ansible.release import __version__
from ansible.utils.vars import load_extra_vars
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from strata.catalog.core import CORES
from strata.catalog.core.engine import Engine
from strata.catalog.core.facts import RecordedFacts
from strata.catalog.core.others import set_by_tasks
from strata.catalog.core.prepared import Prepared, prepared
from strata.errors import StrataError, UsageError
from strata.paths import shown
from strata.repository.inventory import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible.inventory.manager import InventoryManager

    from strata.catalog.core.unknown import Unknown

#: Those of an import_playbook.
IMPORTS = ("import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook")


class Site:
    """A playbook and an inventory; `loader`, `inventory` and `variables` are Ansible's."""

    def __init__(
        self,
        tree: Path,
        inventory: InventoryManager,
        playbook: Path,
        facts: Sequence[Path],
        given: Mapping[str, Any],
        extra_vars: Sequence[str] = (),
        *,
        confined: bool = False,
    ) -> None:
        """Prepare what is read when a host asks for it.

        Args:
            tree: the checkout to which files are named.
            inventory: Ansible's, of the hosts.
            playbook: the playbook, such as site.yml.
            facts: the folders of recorded facts, of which the first that has a host's counts.
            given: facts that hold for all hosts, whatever is recorded.
            extra_vars: as of a command line's option --extra-vars.
            confined: whether secrets cannot be read here.

        Raises:
            UsageError: there is no such playbook.
            StrataError: this ansible-core is one that catalogs don't know, or its keys cannot be read.

        """
        if __version__.rpartition(".")[0] not in CORES:
            known = " and ".join(CORES)
            raise StrataError(f"catalogs are compiled with ansible-core {known}, and this is {__version__}")
        if not playbook.is_file():
            raise UsageError(f"{shown(playbook)}: there is no such playbook")
        self.tree, self.playbook, self.core = tree, playbook, __version__
        self.inventory = inventory
        self.engine = Engine(extra_vars, confined=confined)
        self.loader: Any = self.inventory._loader  # noqa: SLF001 - it has no public name
        self.loader.set_basedir(str(playbook.parent))
        vars(load_extra_vars).pop("extra_vars", None)  # those that this process has read last
        with self.engine.active():
            try:
                self._take_vault_secrets()
                self.variables = VariableManager(loader=self.loader, inventory=self.inventory)
            except AnsibleError as error:
                raise StrataError(sentence(error)) from None
        self.variables._fact_cache = RecordedFacts(facts, given)  # noqa: SLF001 - the cache that is configured is written to
        self.hostvars = HostVars(inventory=self.inventory, variable_manager=self.variables, loader=self.loader)
        self._loaded: dict[int, Any] = {}
        self._compiled: dict[int, list[Any]] = {}
        self._prepared: dict[int, Prepared | None] = {}
        self._environments: dict[str, Any] = {}
        self._places: dict[str | None, tuple[str, int]] = {}

    def _take_vault_secrets(self) -> None:
        """Let Ansible have the keys that its configuration names."""
        ids = list(DEFAULT_VAULT_IDENTITY_LIST)
        secrets = CLI.setup_vault_secrets(self.loader, ids, auto_prompt=False, initialize_context=False)
        if VaultSecretsContext.current(optional=True) is None:
            VaultSecretsContext.initialize(VaultSecretsContext([]))
        VaultSecretsContext.current().secrets = secrets

    @property
    def hosts(self) -> list[str]:
        """Return the names of the inventory's hosts, sorted."""
        return sorted(str(name) for name in self.inventory.hosts)

    @cached_property
    def set_by_tasks(self) -> dict[str, Unknown]:
        """Return the variables that runs set, which are not known of other hosts than the one that is compiled."""
        return set_by_tasks(self.playbook, self.loader)

    def plays(self, host: str) -> Iterator[tuple[Any, list[str]]]:
        """Give the plays that a host is in, ready to be walked, each with the names of its hosts.

        Raises:
            AnsibleError: a play or a role of one cannot be read.

        """
        for at, entry in enumerate(self._entries):
            pattern = entry.hosts if isinstance(entry, Play) else entry.get("hosts") or []
            if "{{" not in f"{pattern}" and host not in self._names(pattern):
                continue
            if at not in self._loaded:
                self._loaded[at] = play = self._load(entry)
            play = self._loaded[at]
            # As the executor does: an imported playbook has its own folder.
            self.loader.set_basedir(play._included_path or str(self.playbook.parent))  # noqa: SLF001
            names = self._names(play.hosts)
            if host in names:
                yield play, names

    def first_play(self, host: str) -> int:
        """Return the number of the first play that a host is in."""
        patterns = [entry.hosts if isinstance(entry, Play) else entry.get("hosts") or [] for entry in self._entries]
        return next((at for at, pattern in enumerate(patterns) if host in self._names(pattern)), len(patterns))

    def blocks(self, play: Any, hosts: list[str]) -> list[Any]:
        """Return the blocks of a play, those of its roles too, whose tasks must be copied before they are evaluated."""
        if id(play) not in self._compiled:
            variables = self.variables.get_vars(play=play, _hosts=hosts, _hosts_all=hosts)
            self._compiled[id(play)] = [block.filter_tagged_tasks(variables) for block in play.compile()]
            self._prepared |= dict.fromkeys(map(id, _tasks(self._compiled[id(play)])))
        return self._compiled[id(play)]

    def prepared(self, task: Any) -> Prepared | None:
        """Return a task of a play's blocks prepared for all hosts; None for one of an include."""
        if id(task) not in self._prepared:
            return None
        if self._prepared[id(task)] is None:
            self._prepared[id(task)] = prepared(task)
        return self._prepared[id(task)]

    @property
    def environment(self) -> Any:
        """Return the environment of templates, which is the same for all hosts of a play."""
        folder = self.loader.get_basedir()
        if folder not in self._environments:
            self._environments[folder] = AnsibleEnvironment(ansible_basedir=folder)
        return self._environments[folder]

    def _load(self, entry: Any) -> Any:
        """Return a play with its roles, and with values in place of its own templates."""
        loaders = {"variable_manager": self.variables, "loader": self.loader}
        play = entry if isinstance(entry, Play) else Play.load(entry, **loaders)
        play.post_validate(TemplateEngine(loader=self.loader, variables=self.variables.get_vars(play=play)))
        return play

    @cached_property
    def _entries(self) -> list[Any]:
        """Return the plays, as they are written, or loaded where another playbook has them."""
        found: list[Any] = []
        entries = self.loader.load_from_file(str(self.playbook), trusted_as_template=True)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise AnsibleError("A playbook is a list of plays.", obj=entries)
        for entry in entries:
            if any(name in entry for name in IMPORTS):
                imported = PlaybookInclude.load(
                    entry, str(self.playbook.parent), variable_manager=self.variables, loader=self.loader
                )
                found += imported.get_plays() if imported else []
            else:
                found.append(entry)
        return found

    def _names(self, pattern: Any) -> list[str]:
        return [str(found.name) for found in self.inventory.get_hosts(pattern)]

    def place(self, path: str | None) -> tuple[str, int]:
        """Return file, relative to the checkout, and line of what Ansible says is at a path."""
        if path not in self._places:
            self._places[path] = self._place(path or "")
        return self._places[path]

    def _place(self, path: str) -> tuple[str, int]:
        file, _, line = path.rpartition(":")
        if not line.isdigit():
            return "", 0
        found = Path(file).resolve()
        return (found.relative_to(self.tree).as_posix() if found.is_relative_to(self.tree) else file), int(line)


def _tasks(blocks: Iterable[Any]) -> Iterator[Any]:
    for entry in blocks:
        if isinstance(entry, Block):
            yield from _tasks((*entry.block, *entry.always))
        else:
            yield entry
