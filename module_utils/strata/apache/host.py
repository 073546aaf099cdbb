"""What stands in /etc/apache2 of a host: its modules, Strata's sites, links; and a staged copy of it."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apache.modules import Module, close_over, parse_module
from ansible.module_utils.strata.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

ROOT = "/etc/apache2"
#: What the files that are ours begin with.
MARK = "# Managed by Strata"


@dataclass(frozen=True)
class Host:
    """What stands in /etc/apache2, by paths in it.

    `enabled` is what Apache reads, `links` says which of the available files a link points to, `owned` are those of
    them that carry our header, and `modules` are those that matter here, None for one that the host does not have.
    """

    enabled: Mapping[str, files.State] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    owned: AbstractSet[str] = frozenset()
    modules: Mapping[str, Module | None] = field(default_factory=dict)

    def enabled_modules(self) -> list[str]:
        """Return the names of the modules that Apache reads something of."""
        return _modules(self.enabled)


def read(modules: Iterable[str] = (), root: str = ROOT) -> Host:
    """Return what Apache reads of its folders of sites, modules and settings, and which files are ours.

    Args:
        modules: names of modules that are looked up besides the enabled ones.
        root: the folder of Apache's configuration.

    """
    patterns = ("sites-enabled/*.conf", "mods-enabled/*.load", "mods-enabled/*.conf", "conf-enabled/*.conf")
    paths = [path for pattern in patterns for path in glob.glob(f"{root}/{pattern}") if not _is_folder(path)]
    real = os.path.realpath(root)
    enabled = {os.path.relpath(path, root): files.read(path) for path in paths}
    return Host(
        enabled=enabled,
        links={
            os.path.relpath(path, root): os.path.relpath(os.path.realpath(path), real)
            for path in paths
            if os.path.islink(path)
        },
        owned=frozenset(
            os.path.relpath(path, root)
            for pattern in ("sites-available/*.conf", "conf-available/strata_module_*.conf")
            for path in glob.glob(f"{root}/{pattern}")
            if _is_ours(path)
        ),
        modules=close_over([*modules, *_modules(enabled)], lambda name: read_module(name, root)),
    )


def _modules(enabled: Iterable[str]) -> list[str]:
    names = (path.removeprefix("mods-enabled/") for path in enabled if path.startswith("mods-enabled/"))
    return sorted({name.rpartition(".")[0] for name in names})


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _is_ours(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.readline().startswith(MARK.encode())


def read_module(name: str, root: str = ROOT) -> Module | None:
    """Return what mods-available says of a module, None if there is no such module."""
    base = f"{root}/mods-available/{name}"
    try:
        with open(f"{base}.load", encoding="utf-8", errors="replace") as stream:
            return parse_module(stream.read(), has_conf=os.path.exists(f"{base}.conf"))
    except FileNotFoundError:
        return None


def no_module(name: str, root: str = ROOT) -> str:
    """Return a sentence about a module that is not there."""
    known = [os.path.basename(path)[:-5] for path in glob.glob(f"{root}/mods-available/*.load")]
    hint = did_you_mean(name, known) or "."
    return f"There is no Apache module {name} on this host{hint} If the name is right, declare its package."


def stage(changes: Iterable[files.Change], target: str, root: str = ROOT) -> None:
    """Make `target` a copy of the configuration in which the changes are made."""
    shutil.copytree(root, target, symlinks=True)
    files.apply(files.Change(target + change.path.removeprefix(root), None, change.after) for change in changes)
