"""Where the recorded facts of hosts are: in the folder of the last runs, or beside their inventory."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError, UsageError
from strata.paths import ROOT, STATE, shown
from strata.repository.inventory import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: How a host's file is called, with its name in place of the star: Ansible's own way last.
NAMES = ("*.json", "*", "s1_*")

#: In the folder of an inventory, the facts that are kept with it.
RECORDED_FACTS = f"{RECORDED}/facts"

#: What may name facts, in files with these endings.
READERS = ("site.yml", "roles", "action_plugins", "filter_plugins", "lookup_plugins")
TEXTS = {".yml", ".yaml", ".j2", ".py"}
WORD = re.compile(r"[a-z]\w+")

#: The fact that says when a host was seen, in seconds.
SEEN = "strata_seen"


def folders(inventory: Path, given: Path | None = None) -> list[Path]:
    """Return the folders in which facts are looked for, the first that has a host's first.

    Args:
        inventory: the hosts' inventory.
        given: the folder that is named instead, by --facts.

    Raises:
        UsageError: there is no such folder.

    """
    if given is not None:
        if not given.is_dir():
            raise UsageError(f"--facts: {given}: there is no such folder")
        return [given]
    last = Path(os.environ.get("ANSIBLE_CACHE_PLUGIN_CONNECTION") or STATE / "facts")
    return [folder for folder in (last, recorded(inventory)) if folder.is_dir()]


def recorded(inventory: Path) -> Path:
    """Return the folder of the facts that are kept with an inventory."""
    return (inventory if inventory.is_dir() else inventory.parent) / RECORDED_FACTS


def read(path: Path) -> dict[str, Any]:
    """Return the facts in a file, which may be one of Ansible's cache.

    Raises:
        StrataError: the file is not what it should be.

    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = json.loads(found["__payload__"]) if isinstance(found, dict) and "__payload__" in found else found
    except (OSError, ValueError) as error:
        raise StrataError(f"{shown(path)}: the facts cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise StrataError(f"{shown(path)}: facts are a mapping of names to values")
    return found


def find(host: str, places: Iterable[Path]) -> Path | None:
    """Return the first file of a host's facts in folders, None if there is none."""
    paths = (folder / name.replace("*", host) for folder in places for name in NAMES)
    return next((path for path in paths if "/" not in host and path.is_file()), None)


def used(found: Mapping[str, Any], inventory: Path) -> dict[str, Any]:
    """Return the facts that anything in the checkout or in the inventory names, and not when the host was seen."""
    places = [*(ROOT / name for name in READERS), *map(Path, (ROOT / "vendor/roles", inventory))]
    files = (path for place in places for path in (place, *place.rglob("*")) if path.suffix in TEXTS and path.is_file())
    words = {word for path in files for word in WORD.findall(path.read_text(encoding="utf-8", errors="replace"))}
    return {name: value for name, value in sorted(found.items()) if name in words - {SEEN}}
