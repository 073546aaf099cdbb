"""What /etc/apt is to hold: sources, keys, pins and settings, and which of its files are whose."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import conf
from ansible.module_utils.strata.apt import keys as apt_keys
from ansible.module_utils.strata.apt import sources as apt_sources
from ansible.module_utils.strata.apt.plan import AptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.apt.sources import Source

RECORD = "/var/lib/strata/apt.json"
SOURCES_LIST = "/etc/apt/sources.list"


@dataclass
class Settings:
    """The declared files by path, with who asked for each, and the sources."""

    files: dict[str, files.File] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def add(self, path: str, file: files.File, origin: str) -> None:
        """Declare a file.

        Raises:
            AptError: it is declared already, and not the same.

        """
        if self.files.setdefault(path, file) != file:
            raise AptError(f"{path} is declared twice, and not the same: by {self.origins[path]} and by {origin}")
        self.origins.setdefault(path, origin)

    def changed_sources(self, changes: Iterable[files.Change]) -> list[Source]:
        """Return the sources that apt uses and whose stanza or key is among the changes."""
        paths = {change.path for change in changes}
        return [source for source in self.sources if source.enabled and paths & {source.path, source.key}]


@dataclass(frozen=True)
class Record:
    """What earlier runs made on this host, so that it goes when it is declared no longer, and what they owe.

    `begun` are the packages that a transaction was to bring which has not ended, None if all have ended.
    """

    files: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    begun: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, content: bytes) -> Record:
        """Return the record that a file holds.

        Raises:
            ValueError: it holds none.

        """
        known = json.loads(content)
        if not isinstance(known, dict) or known.keys() - {each.name for each in fields(cls)}:
            raise ValueError("it holds something else")
        for what, names in known.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{what} is no list of names")
        return cls(**{what: tuple(names) for what, names in known.items()})

    @property
    def file(self) -> files.State:
        """The file that it is kept in; nothing if it is empty."""
        if self == Record():
            return None
        known = {what: names for what, names in vars(self).items() if names is not None}
        return files.File(json.dumps(known, indent=1).encode() + b"\n")


def parse(parameters: Mapping[str, Any]) -> Settings:
    """Return the settings that the parameters `sources`, `keys`, `pins` and `conf` declare.

    Raises:
        AptError: apt would not understand them.

    """
    settings = Settings()
    keys = {}
    for item in parameters["keys"]:
        path, file = apt_keys.key_file(apt_keys.checked_name(item), item["key"], item["origin"])
        settings.add(path, file, item["origin"])
        keys[item["name"]] = path
    for item in parameters["sources"]:
        signed_by = item["signed_by"]
        if apt_keys.is_key(signed_by):
            signed_by, file = apt_keys.key_file(apt_keys.checked_name(item), signed_by, item["origin"])
            settings.add(signed_by, file, item["origin"])
        source = apt_sources.parse_source({**item, "signed_by": signed_by}, keys)
        settings.add(source.path, files.File(source.text.encode()), item["origin"])
        settings.sources.append(source)
    for read, items in ((conf.pin_file, parameters["pins"]), (conf.conf_file, parameters["conf"])):
        for item in items:
            path, text = read(item)
            settings.add(path, files.File(text.encode()), item["origin"])
    return settings


def recorded() -> Record:
    """Return the record of earlier runs.

    Raises:
        AptError: it is damaged.

    """
    state = files.read(RECORD)
    if not isinstance(state, files.File):
        return Record()
    try:
        return Record.parse(state.content)
    except ValueError as error:
        raise AptError(
            f"{RECORD}, the list of what earlier runs made, is damaged ({error}): put it back, or remove it and, by "
            f"hand, those files in /etc/apt that are declared no longer"
        ) from None


def foreign_sources(settings: Settings, record: Record) -> list[str]:
    """Return the files of sources on this host that nobody declares and no earlier run made."""
    found = [SOURCES_LIST] if os.path.isfile(SOURCES_LIST) and os.path.getsize(SOURCES_LIST) else []
    if os.path.isdir(apt_sources.FOLDER):
        names = (name for name in sorted(os.listdir(apt_sources.FOLDER)) if name.endswith((".list", ".sources")))
        found += [f"{apt_sources.FOLDER}/{name}" for name in names]
    return [path for path in found if path not in settings.files and path not in record.files]


def plan(settings: Settings, record: Record, purged: Sequence[str]) -> list[files.Change]:
    """Return the changes to /etc/apt, in an order in which nothing refers to what is not there.

    Raises:
        AptError: no source would be left.

    """
    if purged and not any(source.enabled for source in settings.sources):
        raise AptError(f"purging {', '.join(purged)} would leave no source: declare those that the host needs")
    gone = dict.fromkeys([path for path in record.files if path not in settings.files] + list(purged))
    changes = files.plan({**gone, **settings.files})
    return sorted(changes, key=_order)


def masked(changes: Iterable[files.Change]) -> list[files.Change]:
    """Return the changes for a diff, which does not show a file that has a password in a URI."""
    return [replace(change, before=_masked(change.before), after=_masked(change.after)) for change in changes]


def _masked(state: files.State) -> files.State:
    secret = isinstance(state, files.File) and apt_keys.SECRET.search(state.content.decode("latin-1"))
    return replace(state, secret=True) if secret else state


def _order(change: files.Change) -> tuple[bool, bool]:
    removed, key = change.after is None, change.path.startswith(apt_keys.FOLDER)
    return removed, key if removed else not key
