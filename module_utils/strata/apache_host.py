"""What stands in /etc/apache2 of a host: its modules, Strata's sites, links; and a staged copy of it."""

from __future__ import annotations

import difflib
import glob
import os
import shutil

from ansible.module_utils.strata import apache, files


def read_module(name: str, root: str = apache.ROOT) -> apache.Module | None:
    """Return what mods-available says of a module, None if there is no such module."""
    base = f"{root}/mods-available/{name}"
    try:
        with open(f"{base}.load", encoding="utf-8", errors="replace") as stream:
            return apache.parse_module(stream.read(), has_conf=os.path.exists(f"{base}.conf"))
    except FileNotFoundError:
        return None


def no_module(name: str, root: str = apache.ROOT) -> str:
    """Return a sentence about a module that is not there."""
    known = [os.path.basename(path)[:-5] for path in glob.glob(f"{root}/mods-available/*.load")]
    near = "".join(f" (nearest name: {each})" for each in difflib.get_close_matches(name, known, 1))
    return f"There is no Apache module {name} on this host{near}: is its name right, is its package declared?"


def enabled_modules(root: str = apache.ROOT) -> set[str]:
    """Return the names of the modules that Apache loads."""
    return {os.path.basename(path)[:-5] for path in glob.glob(f"{root}/mods-enabled/*.load")}


def read_owned(root: str = apache.ROOT) -> list[str]:
    """Return the names of the files in sites-available that carry our header."""
    owned = []
    for path in glob.glob(f"{root}/sites-available/*.conf"):
        with open(path, "rb") as stream:
            if stream.readline().startswith(apache.MARK.encode()):
                owned.append(os.path.basename(path))
    return owned


def read_links(root: str = apache.ROOT) -> dict[str, str]:
    """Return the links in sites-enabled, each with the name of the file in sites-available that it points to."""
    folder = os.path.realpath(f"{root}/sites-available")
    resolved = {path: os.path.realpath(path) for path in glob.glob(f"{root}/sites-enabled/*") if os.path.islink(path)}
    return {
        os.path.basename(path): os.path.basename(target)
        for path, target in resolved.items()
        if os.path.dirname(target) == folder
    }


def stage(changes: list[files.Change], target: str, root: str = apache.ROOT) -> None:
    """Make `target` a copy of the configuration in which the changes are made."""
    shutil.copytree(root, target, symlinks=True)
    files.apply(files.Change(target + change.path.removeprefix(root), None, change.after) for change in changes)
