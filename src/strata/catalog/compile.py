"""Compiling catalogs of hosts."""

from __future__ import annotations

import gc
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.catalog.facts import folders
from strata.catalog.resource import Catalog
from strata.errors import StrataError, UsageError, nearest
from strata.paths import ROOT, shown
from strata.repository.inventory import manager, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strata.catalog.core.connections import Way
    from strata.catalog.core.site import Site

#: So many hosts a process are worth its start.
FEWEST = 2

#: So many hosts are worth that one is compiled before the others.
MANY = 20

#: And in so many shares each process gets its hosts, so that the first catalogs are there early.
SHARES = 4

#: In a process that compiles a share of the hosts, what it was forked from.
_INHERITED: list[Compiler] = []


class Compiler:
    """A playbook and an inventory, of which catalogs are compiled."""

    def __init__(
        self,
        source: Path,
        *,
        tree: Path = ROOT,
        playbook: Path | None = None,
        facts: Path | Sequence[Path] | None = None,
        given: Mapping[str, Any] | None = None,
        extra_vars: Sequence[str] = (),
        revision: str = "",
        confined: bool = False,
    ) -> None:
        """Read the inventory `source`.

        Args:
            source: the inventory.
            tree: the checkout that it is in.
            playbook: another one than site.yml.
            facts: a folder of recorded facts, or several, of which the first that has a host's counts; by default that
                of the last runs, and that of the inventory.
            given: facts that hold for all hosts, whatever is recorded.
            extra_vars: as of a command line's option --extra-vars.
            revision: which one the checkout is, for the catalogs.
            confined: whether secrets cannot be read here.

        Raises:
            UsageError: there is no such inventory, playbook or folder.
            StrataError: Ansible cannot read it.

        """
        known = folders(source, facts) if facts is None or isinstance(facts, Path) else facts
        inventory = manager(source)
        from strata.catalog.core.site import Site  # noqa: PLC0415 - slow, as all of Ansible

        self.source, self._revision = source, revision
        self._site: Site = Site(
            tree, inventory, playbook or tree / "site.yml", known, given or {}, extra_vars, confined=confined
        )

    @property
    def hosts(self) -> list[str]:
        """Return the names of the inventory's hosts, sorted."""
        return self._site.hosts

    def matching(self, pattern: str) -> list[str]:
        """Return the names of the hosts that a pattern of Ansible's means, sorted.

        Raises:
            UsageError: it means none.

        """
        found = sorted(host.name for host in self._site.inventory.get_hosts(pattern))
        if not found:
            raise UsageError(f"--limit: {pattern} matches no host of {shown(self.source)}")
        return found

    def way(self, host: str) -> Way:
        """Return how a host is reached.

        Raises:
            StrataError: a variable cannot be evaluated, or only Ansible can reach it.

        """
        from strata.catalog.core.connections import way  # noqa: PLC0415 - slow, as all of Ansible

        return way(self._site, host)

    def catalogs(self, hosts: Sequence[str]) -> list[Catalog]:
        """Compile the catalogs of hosts, on all processors if they are many.

        Raises:
            UsageError: there is no such host.

        """
        found = {each.host: each for each in self.compiled(hosts)}
        return [found[host] for host in hosts]

    def compiled(self, hosts: Sequence[str]) -> Iterator[Catalog]:
        """Compile the catalogs of hosts likewise, and give each when it is there.

        Raises:
            UsageError: there is no such host.

        """
        for host in hosts:
            self._check(host)
        processes = min(os.cpu_count() or 1, len(hosts) // FEWEST)
        if processes <= 1:
            yield from map(self.catalog, hosts)
            return
        # Hosts of one play stay together, as each process reads the roles of its hosts.
        ordered = sorted(hosts, key=lambda host: (self._site.first_play(host), host))
        if len(ordered) >= MANY:
            # What the first host has read, all processes share.
            yield self.catalog(ordered.pop(0))
        gc.collect()
        gc.freeze()
        size = -(-len(ordered) // (processes * SHARES))
        shares = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(processes, forked, initializer=_INHERITED.append, initargs=(self,)) as pool:
            for share in as_completed([pool.submit(_share, share) for share in shares]):
                yield from share.result()

    def _check(self, host: str) -> None:
        if host not in self._site.inventory.hosts:
            raise UsageError(f"{shown(self.source)}: there is no host {host!r}{nearest(host, self.hosts)}")

    def catalog(self, host: str) -> Catalog:
        """Compile the catalog of a host.

        Raises:
            UsageError: there is no such host.

        """
        from ansible.errors import AnsibleError  # noqa: PLC0415 - slow, as all of Ansible

        from strata.catalog.core.unknown import RefusedError, UnknownError  # noqa: PLC0415
        from strata.catalog.core.walk import Walk  # noqa: PLC0415

        self._check(host)
        walk = Walk(self._site, host)
        self._site.engine.secrets.clear()
        refused: str | None = None
        resources = []
        with self._site.engine.active():
            try:
                resources = list(walk.resources())
            except AnsibleError as error:
                refused = walk.placed(sentence(error))
            except (RefusedError, UnknownError, StrataError, RecursionError) as error:
                refused = walk.placed(str(error))
        return Catalog(
            host=host,
            revision=self._revision,
            core=self._site.core,
            resources=() if refused else tuple(resources),
            refused=refused,
            secrets=tuple(sorted({*self._site.engine.secrets, *walk.secrets})),
        )


def _share(hosts: Sequence[str]) -> list[Catalog]:
    return [_INHERITED[-1].catalog(host) for host in hosts]
