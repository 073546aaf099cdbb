"""Facts that are recorded in a folder, as Ansible's cache keeps them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.paths import shown

if TYPE_CHECKING:
    from pathlib import Path

#: How a host's file is called, with its name in place of the star: Ansible's own way last.
NAMES = ("*.json", "*", "s1_*")


class RecordedFacts:
    """What takes the place of Ansible's cache of facts: it is read, and never written."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which may be missing: no host was seen then."""
        self._folder = folder
        self._read: dict[str, dict[str, Any]] = {}

    def get(self, host: str) -> dict[str, Any]:
        """Return the facts of a host.

        Raises:
            KeyError: none are recorded.
            StrataError: the file is not what it should be.

        """
        if host not in self._read:
            paths = (self._folder / name.replace("*", host) for name in NAMES)
            path = next((path for path in paths if "/" not in host and path.is_file()), None)
            if path is None:
                raise KeyError(host)
            self._read[host] = _facts(path)
        return dict(self._read[host])

    def set(self, host: str, facts: dict[str, Any]) -> None:
        """Take facts for the time of this process."""
        self._read[host] = facts


def _facts(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = json.loads(found["__payload__"]) if isinstance(found, dict) and "__payload__" in found else found
    except (OSError, ValueError) as error:
        raise StrataError(f"{shown(path)}: the facts cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise StrataError(f"{shown(path)}: facts are a mapping of names to values")
    return found
