"""Facts that are recorded in folders, as Ansible's cache keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.catalog.facts import find, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class RecordedFacts:
    """What takes the place of Ansible's cache of facts: it is read, and never written."""

    def __init__(self, folders: Sequence[Path], given: Mapping[str, Any]) -> None:
        """Take the folders, which need not have any, and facts that hold for all hosts that are recorded."""
        self._folders, self._given = folders, given
        self._read: dict[str, dict[str, Any]] = {}

    def get(self, host: str) -> dict[str, Any]:
        """Return the facts of a host.

        Raises:
            KeyError: none are recorded.
            StrataError: the file is not what it should be.

        """
        if host not in self._read:
            path = find(host, self._folders)
            if path is None:
                raise KeyError(host)
            self._read[host] = {**read(path), **self._given}
        return dict(self._read[host])

    def set(self, host: str, facts: dict[str, Any]) -> None:
        """Take facts for the time of this process."""
        self._read[host] = facts
