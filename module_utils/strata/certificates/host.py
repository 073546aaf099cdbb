"""What a host has of certificates: those that are ours, the roots that it trusts, and the units that use them."""

from __future__ import annotations

import glob
import json
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.certificates.declared import CA, FOLDER, NAME, CertificatesError
from ansible.module_utils.strata.owed import Owed
from ansible.module_utils.strata.units import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.certificates.declared import Declared
    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.units import Status

ROOTS = "/usr/local/share/ca-certificates/strata-"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Found:
    """What a host has besides the declared certificates and their keys.

    `recorded` are the names of certificates that are ours, `owed` those that a run touched which did not come to its
    end (None if all did), `owners` the ids of who owns a certificate's key, by its name.
    """

    recorded: set[str]
    owed: set[str] | None
    roots: list[str]
    trusted: bool
    exposed: bool
    owners: dict[str, tuple[int, int]]
    status: dict[str, Status]


def look(declared: Iterable[Declared], roots: Mapping[str, bytes], run: Run, *, check: bool) -> Found:
    """Return what the host has.

    Raises:
        CertificatesError: it does not have an owner, but for check mode.
        UnitError: systemd does not answer.

    """
    bundle = content(BUNDLE) if roots else b""
    units = dict.fromkeys(unit for each in declared for unit, _ in each.units)
    return Found(
        _recorded(content(facts_file())),
        _owed(),
        glob.glob(f"{glob.escape(ROOTS)}*.crt"),
        all(pem.strip() in bundle for pem in roots.values()),
        _exposed(FOLDER),
        {each.name: _owner(each, check=check) for each in declared},
        Systemd(run).status(list(units)),
    )


def facts_file() -> str:
    """Return the path of what the host says of its certificates."""
    return f"{paths.FACTS}/strata_certificates.fact"


def owed() -> Owed:
    """Return what is owed for certificates: the names of those that were touched, as JSON."""
    return Owed("certificates")


def content(path: str) -> bytes:
    """Return what is in a regular file of the host, nothing if it is not there."""
    state = files.read(path)
    return state.content if isinstance(state, files.File) else b""


def _recorded(text: bytes) -> set[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return set()
    return {name for name in found if NAME.fullmatch(name) and name != CA} if isinstance(found, dict) else set()


def _owed() -> set[str] | None:
    noted = owed().read()
    return None if noted is None else set(json.loads(noted or b"[]"))


def _owner(each: Declared, *, check: bool) -> tuple[int, int]:
    try:
        uid = files.owner_id("user", each.owner, check=check)
        return uid, files.owner_id("group", each.group, check=check) if each.group else 0
    except files.OwnerError as error:
        raise CertificatesError(f"{each}: {error}") from None


def _exposed(folder: str) -> bool:
    """Tell whether others than root may write to a folder, or not read it; one that is not there yet does not count."""
    if not os.path.isdir(folder):
        return False
    info = os.stat(folder)
    return (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) != (0o755, 0, 0)
