"""What changes in /etc/apt: sources, keys, pins and settings."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import credentials, keys, sources
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible.module_utils.strata.apt.declared import Settings
    from ansible.module_utils.strata.apt.record import Record


def foreign_sources(settings: Settings, record: Record) -> list[str]:
    """Return the files of sources on this host that nobody declares and no earlier run made."""
    found = [sources.LIST] if os.path.isfile(sources.LIST) and os.path.getsize(sources.LIST) else []
    if os.path.isdir(sources.FOLDER):
        names = (name for name in sorted(os.listdir(sources.FOLDER)) if name.endswith((".list", ".sources")))
        found += [f"{sources.FOLDER}/{name}" for name in names]
    return [path for path in found if path not in settings.files and path not in record.files]


def plan(settings: Settings, record: Record, purged: Sequence[str]) -> list[files.Change]:
    """Return the changes to /etc/apt, in an order in which nothing refers to what is not there.

    Raises:
        DeclarationError: no source would be left.

    """
    if purged and not any(source.enabled for source in settings.sources):
        raise DeclarationError(f"purging {', '.join(purged)} would leave no source: declare those that the host needs")
    gone = dict.fromkeys([path for path in record.files if path not in settings.files] + list(purged))
    changes = files.plan({**gone, **settings.files}, lambda path: path.startswith(f"{credentials.FOLDER}/"))
    return sorted(changes, key=_order)


def masked(changes: Iterable[files.Change]) -> list[files.Change]:
    """Return the changes for a diff, which does not show a file that has a password in a URI."""
    return [replace(change, before=_masked(change.before), after=_masked(change.after)) for change in changes]


def _masked(state: files.State) -> files.State:
    if isinstance(state, files.File) and keys.SECRET.search(state.content.decode("latin-1")):
        return replace(state, secret=True)
    return state


def _order(change: files.Change) -> tuple[bool, bool]:
    removed, key = change.after is None, change.path.startswith(keys.FOLDER)
    return removed, key if removed else not key
