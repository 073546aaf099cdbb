"""What there is of a Gerrit on this host: its files, its configuration as git reads it, what an earlier run noted."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, folders, paths
from ansible.module_utils.strata.gerrit import config, jars, service
from ansible.module_utils.strata.gerrit.declared import CONFIG, SECURE
from ansible.module_utils.strata.gerrit.projects.site import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.gerrit.config import Entry
    from ansible.module_utils.strata.gerrit.declared import Site

#: What Gerrit's user says of keys is put into a file that others trust: nothing but a type and base64 gets there.
PUBLIC_KEY = re.compile(r"^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+={0,2}", re.MULTILINE)
MOST_OF_A_KEY = 4096


@dataclass(frozen=True)
class Record:
    """What an earlier run noted: the hash of the WAR whose `init` the site has had, and which files were declared."""

    initialised: str = ""
    files: list[str] = field(default_factory=list)

    @staticmethod
    def read() -> Record:
        """Return what the last run noted."""
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError), open(_path(), encoding="utf-8") as stream:
            return Record(**json.load(stream))
        return Record()

    def write(self) -> None:
        """Note it for the next run."""
        content = json.dumps(asdict(self)).encode()
        files.apply(files.plan({_path(): files.File(content, 0o600)}))


def _path() -> str:
    return f"{paths.STATE}/gerrit/state.json"


@dataclass(frozen=True)
class Host:
    """What there is.

    Attributes:
        record: what an earlier run noted.
        configs: the lines of the configuration files that `init` changes, by their names.
        jars: the hashes of the WAR, plugins and libraries, by their places.
        folders: those of the site that are there, and Gerrit's user's.
        active, enabled: how its unit is.
        pending: whether a change has begun that did not come to its end.

    """

    record: Record
    configs: dict[str, list[Entry]]
    jars: dict[str, str]
    folders: set[str]
    active: bool
    enabled: bool
    pending: bool


def read(site: Site, daemon: service.Daemon, *, pending: bool) -> Host:
    """Return what there is. Raises UnitError."""
    status = daemon.status()
    return Host(
        record=Record.read(),
        configs=read_configs(daemon.run, site),
        jars=jars.installed(site.path, site.jars),
        folders={path for path in site.folders() if _is_owned(path, site.uid)},
        active=status.active,
        enabled=status.enabled,
        pending=pending,
    )


def read_configs(run: Run, site: Site) -> dict[str, list[Entry]]:
    """Return the lines of the configuration files that are there, of those that `init` changes."""
    found = {}
    for name in (CONFIG, SECURE):
        if isinstance(state := files.read(site.place(name)), files.File):
            # Not where the module was called, which may be anywhere.
            code, out, _ = run(["git", "-C", "/", "config", "--file", "-", "--null", "--list"], data=state.content)
            found[name] = [config.parsed(line) for line in out.split("\0")[:-1]] if code == 0 else []
    return found


def compare(desired: Mapping[str, files.State]) -> list[files.Change]:
    """Return the changes of files, with the content of those kept out of diffs that may have been secret."""
    return [replace(change, before=_hidden(change)) for change in files.plan(desired)]


def _hidden(change: files.Change) -> files.State:
    state = change.before
    if isinstance(state, files.File) and (change.after is None or not state.mode & 0o077):
        return replace(state, secret=True)
    return state


def _is_owned(path: str, uid: int) -> bool:
    """Return whether a folder is there, and belongs to somebody. Raises LinkError."""
    try:
        with folders.opened(path, links=True) as folder:
            return os.fstat(folder).st_uid == uid
    except (FileNotFoundError, NotADirectoryError):
        return False


def ssh_services(site: Site) -> list[dict[str, Any]]:
    """Return the port of Gerrit's own SSH server, and its public keys, as far as there are any yet."""
    keys: list[str] = []
    for path in (site.place(f"etc/ssh_host_{kind}_key.pub") for kind in KEYS):
        with contextlib.suppress(OSError), folders.open_file(path) as stream:
            text = stream.read(MOST_OF_A_KEY).decode("ascii", "replace")
            keys += [found[0] for found in PUBLIC_KEY.finditer(text)]
    return [
        {"port": each.port, "keys": keys} for each in service.addresses(site.config) if each.scheme == "ssh" and keys
    ]
