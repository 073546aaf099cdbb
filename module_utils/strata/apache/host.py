"""What stands in /etc/apache2 of a host: its modules, Strata's sites, links; and a staged copy of it."""

from __future__ import annotations

import difflib
import glob
import os
import shutil

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apache import plan
from ansible.module_utils.strata.apache.modules import Module, parse_module


def read_module(name: str, root: str = plan.ROOT) -> Module | None:
    """Return what mods-available says of a module, None if there is no such module."""
    base = f"{root}/mods-available/{name}"
    try:
        with open(f"{base}.load", encoding="utf-8", errors="replace") as stream:
            return parse_module(stream.read(), has_conf=os.path.exists(f"{base}.conf"))
    except FileNotFoundError:
        return None


def no_module(name: str, root: str = plan.ROOT) -> str:
    """Return a sentence about a module that is not there."""
    known = [os.path.basename(path)[:-5] for path in glob.glob(f"{root}/mods-available/*.load")]
    near = "".join(f" (nearest name: {each})" for each in difflib.get_close_matches(name, known, 1))
    return f"There is no Apache module {name} on this host{near}: is its name right, is its package declared?"


def read(root: str = plan.ROOT) -> plan.Host:
    """Return what Apache reads of its folders of sites, modules and settings, and which files are ours."""
    patterns = ("sites-enabled/*.conf", "mods-enabled/*.load", "mods-enabled/*.conf", "conf-enabled/*.conf")
    paths = [path for pattern in patterns for path in glob.glob(f"{root}/{pattern}") if not _is_folder(path)]
    real = os.path.realpath(root)
    return plan.Host(
        enabled={os.path.relpath(path, root): files.read(path) for path in paths},
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
    )


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _is_ours(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.readline().startswith(plan.MARK.encode())


def stage(changes: list[files.Change], target: str, root: str = plan.ROOT) -> None:
    """Make `target` a copy of the configuration in which the changes are made."""
    shutil.copytree(root, target, symlinks=True)
    files.apply(files.Change(target + change.path.removeprefix(root), None, change.after) for change in changes)
