"""Brings the accounts of a host to the declared state, by the programs of shadow.

Those programs take the locks that other programs respect, replace each file by a rename, keep the files with users,
groups, passwords and subordinate ids in step, and take over the lock of one that was killed. What they can't do in one
command is done in an order in which every moment is safe, so a run that dies is completed by the next.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.accounts import declared, homes, host, plan
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.quiet import QuietModule, result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.accounts.plan import Step
    from ansible.module_utils.strata.commands import Run

ROOT = "/root"


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring the accounts to the declared state and return the module's result.

    Raises:
        StrataError: the declaration is refused, or something could not be done; all else is.

    """
    given = module.params
    wanted = declared.check(given)
    wanted_root = None if given["root_keys"] is None else declared.check_root_keys(given["root_keys"])
    actual = host.read()
    forgotten = plan.undeclared(wanted, actual)
    if forgotten and not given["purge"]:
        module.warn(
            f"no longer declared, but still on this host: {', '.join(forgotten)}: say in accounts_users that they are "
            "disabled or absent, or set accounts_purge"
        )
    elif forgotten:
        wanted = plan.with_leavers(wanted, actual)
    actual = host.look(wanted, actual)
    ending = given["end_processes"]
    problems = plan.conflicts(wanted, actual, end_processes=ending, check_mode=module.check_mode)
    if problems:
        raise StrataError("\n".join(problems))
    root = homes.look(ROOT, 0)
    steps = plan.plan(wanted, actual, end_processes=ending)
    steps += plan.root_keys(wanted_root, ROOT, root, replace_all=given["replace_root_keys"])
    undone, unknown = plan.out_of_reach(wanted, actual)
    for text in unknown:
        module.warn(text)
    record = plan.record(wanted, actual)
    remembered = record_changes(record)
    if not module.check_mode:
        # Users are remembered before they are made, and forgotten after they are gone, whatever becomes of this run.
        both = {
            name: actual.recorded.get(name, False) or record.get(name, False) for name in {**actual.recorded, **record}
        }
        files.apply(record_changes(both))
        undone += carry_out(steps, module.run)
    if undone:
        raise StrataError("\n".join(undone))
    if not module.check_mode:
        files.apply(record_changes(record))
    changes = [step.what for step in steps] + [change.path for change in remembered]
    diff = [
        {"before_header": step.what, "after_header": step.what, "before": step.before, "after": step.after}
        for step in steps
    ]
    return result(changes, [*diff, *files.diff(remembered)], undeclared=forgotten)


def record_changes(record: Mapping[str, bool]) -> list[files.Change]:
    """Return what has to change in the file that remembers users; it is there if there is somebody to remember."""
    text = json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"
    return files.plan({host.record_path(): files.File(text, 0o600) if record else None})


def carry_out(steps: Iterable[Step], run: Run) -> list[str]:
    """Carry out the steps, those of other users too when one of a user fails; return what failed."""
    failed: set[str] = set()
    problems = []
    for step in steps:
        if step.user in failed and not step.urgent:
            continue
        try:
            _do(step, run)
        except StrataError as error:
            problems.append(str(error))
            if step.user:
                failed.add(step.user)
    return problems


def _do(step: Step, run: Run) -> None:
    """Carry out a step.

    Raises:
        StrataError: it failed; the steps before it stay.

    """
    try:
        if step.call:
            step.call()
            return
        status, output, errors = run(step.command, data=step.data.encode())
    except (StrataError, OSError) as error:
        raise StrataError(f"{step.what}: {error}") from error
    if status:
        said = " ".join((errors or output).split())
        raise StrataError(f"{step.what}: {step.command[0]} ends with status {status}: {said}")
