"""What a host has of a service: its files, the state of its units, and the ports at which they listen."""

from __future__ import annotations

import fnmatch
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, listeners
from ansible.module_utils.strata.owed import Owed
from ansible.module_utils.strata.service import live
from ansible.module_utils.strata.service.declared import ServiceError, short
from ansible.module_utils.strata.units import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.listeners import Port
    from ansible.module_utils.strata.service.declared import Declared, DeclaredFile
    from ansible.module_utils.strata.units import Status


@dataclass(frozen=True)
class Found:
    """How a host differs from what is declared.

    `newest` is when the newest of the files was written (Unix time), `owed` whether a run that was killed left work.
    """

    changes: list[files.Change]
    status: dict[str, Status]
    newest: float
    owed: bool
    live: live.Changes


def look(declared: Declared, run: Run, *, check: bool) -> Found:
    """Return how the host differs from what is declared.

    Raises:
        ServiceError: an owner, or what a link points to, is missing, but for check mode; a content cannot be asked for.
        UnitError: systemd does not answer.
        LiveError: a state of the running system cannot be read.

    """
    changes = [
        change
        for desired in (_copies(declared.files), _desired(declared, run, check=check))
        for change in files.plan(desired, declared.is_secret)
    ]
    status = Systemd(run).status([unit.name for unit in declared.units])
    owed = Owed(declared.name).read() is not None
    return Found(changes, status, _newest(declared.files), owed, live.plan(run, declared.live))


def not_listening(
    run: Run, units: Iterable[str], ports: Mapping[str, list[Port]], status: Mapping[str, Status]
) -> list[str]:
    """Return those of some running units that do not listen at their ports."""
    return [
        name
        for name in units
        if ports[name] and listeners.wait(run, name, ports[name], status[name].since + listeners.PATIENCE)
    ]


def _copies(declared: Iterable[DeclaredFile]) -> dict[str, files.State]:
    """Return the copies that are still to be made of what was there before the first run; empty for nothing."""
    copies: dict[str, files.State] = {}
    for file in declared:
        if file.former and not os.path.exists(file.former):
            found = files.read(os.path.realpath(file.path))
            known = found if isinstance(found, files.File) else files.File(b"")
            copies[file.former] = replace(known, secret=file.secret)
    return copies


def _desired(declared: Declared, run: Run, *, check: bool) -> dict[str, files.State]:
    """Return the wanted state of each path, also of those that are purged."""
    found: dict[str, files.State] = {}
    for pattern in declared.purge:
        folder, name = os.path.split(pattern)
        present = os.listdir(folder) if os.path.isdir(folder) else []
        found |= {os.path.join(folder, each): None for each in present if fnmatch.fnmatch(each, name)}
    return found | {file.path: _state(file, run, check=check) for file in declared.files}


def _state(file: DeclaredFile, run: Run, *, check: bool) -> files.State:
    if file.link is not None:
        if not check and not os.path.exists(os.path.join(os.path.dirname(file.path), file.link)):
            raise ServiceError(f"{file}: there is no {file.link} on this host")
        return files.Link(file.link)
    content = _printed(file, run) if file.content_from else file.content
    if content is None:
        return None
    try:
        uid, gid = files.owner_id("user", file.owner, check=check), files.owner_id("group", file.group, check=check)
    except files.OwnerError as error:
        raise ServiceError(f"{file}: {error}") from None
    return files.File(content, file.mode, uid, gid, secret=file.secret)


def _printed(file: DeclaredFile, run: Run) -> bytes:
    """Return the content of a file as this host says it. Raises ServiceError."""
    code, out, err = run(file.content_from)
    if code:
        raise ServiceError(f"{file}: {short(file.content_from)} ends with status {code}: {(err or out).strip()}")
    return out.encode()


def _newest(declared: Iterable[DeclaredFile]) -> float:
    """Return when the newest of the files was written; one from the future does not count."""
    now = time.time()
    times = [os.stat(file.path).st_mtime for file in declared if os.path.exists(file.path)]
    return max((each for each in times if each <= now), default=0)
