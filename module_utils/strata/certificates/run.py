"""Bring the certificates of a host to what is declared, or ask for what the site's CA must sign before."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.certificates import host, plan
from ansible.module_utils.strata.certificates.declared import CA, FOLDER, CertificatesError, parse, validity
from ansible.module_utils.strata.certificates.pairs import PENDING, Resolver, unresolved
from ansible.module_utils.strata.certificates.plan import UPDATE
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.openssl import Tool
from ansible.module_utils.strata.quiet import result
from ansible.module_utils.strata.units import Systemd

if TYPE_CHECKING:
    from ansible.module_utils.strata.certificates.plan import Plan
    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.quiet import QuietModule


def converge(module: QuietModule) -> dict[str, Any]:
    """Look, validate, plan, apply; return the module's result, or `wanted`, what the CA must sign before.

    Raises:
        StrataError: it cannot be done; what was there is back.

    """
    given, check = module.params, module.check_mode
    roots = {root["name"]: root["certificate"].encode() for root in given["roots"]}
    tool = Tool(module.run) if shutil.which("openssl") else None
    ca = tool.certificate(roots[CA]) if tool and roots.get(CA) else None
    valid = validity(given["lifetime"], given["renew_before"], ca)
    declared = parse(given["certificates"], ca=CA in roots)
    if tool is None and not check:
        raise CertificatesError("openssl is not installed: install the package openssl first")
    resolver = tool and Resolver(tool, roots.get(CA, b""), valid, given["signed"], module.warn, check)
    pairs = [resolver.resolve(each) if resolver else unresolved(each) for each in declared]
    found = host.look(declared, roots, module.run, check=check)
    changes = files.plan(plan.desired(pairs, roots, ca, found), plan.is_key)
    planned = plan.plan(pairs, roots, changes, found)
    if resolver and not check:
        if planned.trust and not shutil.which(UPDATE[0]):
            raise CertificatesError(f"there is no {UPDATE[0]}: install the package ca-certificates first")
        if requested := [pair.declared for pair in pairs if pair.why and not pair.contents[0]]:
            return result([], [], wanted=list(map(resolver.request, requested)))
        if planned.lines():
            _apply(planned, module.run)
        shutil.rmtree(PENDING, ignore_errors=True)
    return result(planned.lines(), plan.diff(planned, pairs, given["lifetime"]))


def _apply(planned: Plan, run: Run) -> None:
    """Write the files and bring them into force. Raises CertificatesError if that fails, and the old ones are back."""
    host.owed().note(json.dumps(planned.names).encode())
    try:
        os.makedirs(FOLDER, exist_ok=True)
        os.chown(FOLDER, 0, 0)
        os.chmod(FOLDER, 0o755)  # noqa: S103 - the certificates are for everybody
        files.apply(planned.changes)
        _activate(planned, run)
    except (StrataError, OSError) as error:
        raise CertificatesError(f"{error}; {_rollback(planned, run)}") from error
    host.owed().forget()


def _activate(planned: Plan, run: Run) -> None:
    """Bring the files into force that are in their places.

    Raises:
        CertificatesError: the system's list of roots cannot be made.
        UnitError: a unit does not run with them.

    """
    if planned.trust:
        code, out, err = run(UPDATE)
        if code:
            raise CertificatesError(f"{' '.join(UPDATE)} ends with status {code}: {(err or out).strip()}")
    for step in planned.steps:
        Systemd(run).do(step)


def _rollback(planned: Plan, run: Run) -> str:
    """Put the old files in force again; return a sentence about how that went."""
    if lost := files.undo(planned.changes):
        return f"not all of the old files could be restored: {'; '.join(lost)}"
    try:
        _activate(planned, run)
    except StrataError as error:
        return f"the old files are back, but not everything runs with them either: {error}"
    host.owed().forget()
    return "the old files are back in force"
