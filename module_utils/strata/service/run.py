"""Bring the files and units of one service to what is declared, or roll all of it back."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, listeners
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.owed import Owed
from ansible.module_utils.strata.quiet import result
from ansible.module_utils.strata.rollback import KEPT, Rollback, script
from ansible.module_utils.strata.service import host, origins, plan
from ansible.module_utils.strata.service.declared import ServiceError, parse, short
from ansible.module_utils.strata.service.warnings import Warnings
from ansible.module_utils.strata.units import Systemd, UnitError, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.quiet import QuietModule
    from ansible.module_utils.strata.service.declared import Declared
    from ansible.module_utils.strata.service.plan import Plan
    from ansible.module_utils.strata.units import Unit


def converge(module: QuietModule) -> dict[str, Any]:
    """Bring the service to what is declared, or decide about files that are unconfirmed; return the module's result.

    Raises:
        StrataError: it cannot be done; what was there is back.

    """
    rollback = Rollback(module.params["name"], module.run, outlives_boot=True)
    if module.params["confirm"] is not None:
        return _decide(rollback, module.params["change"], keep=module.params["confirm"])
    check = module.check_mode
    declared = parse(module.params)
    undone = ["unconfirmed files of an earlier run rolled back"] if not check and rollback.resolve() else []
    found = host.look(declared, module.run, check=check)
    planned = plan.plan(declared, found, check=check)
    running = planned.untouched(declared.units)
    planned = planned.restarting(host.not_listening(module.run, running, declared.ports, planned.before))
    if not planned.changes and not found.owed:
        _require_in_force(declared, module.run, "; nothing was changed")
    warnings = Warnings(declared.fatal_warnings)
    _validate(declared, planned.changes, module.run, warnings, check=check)
    lines = [*(change.path for change in planned.changes), *planned.actions()]
    more: dict[str, Any] = {}
    if (lines or found.owed) and not check:
        transaction = Transaction(declared, planned, module.run, warnings, Owed(declared.name), was_owed=found.owed)
        more = _guarded(transaction, rollback, declared.rollback_delay if planned.changes else 0)
    for text in warnings.shown:
        module.warn(text)
    diff = files.diff(planned.changes) + [{"prepared": f"{each}\n"} for each in planned.actions()]
    return result(undone + lines, diff, **more)


def _decide(rollback: Rollback, change: str, *, keep: bool) -> dict[str, Any]:
    """Keep unconfirmed files or roll them back; return the module's result. Raises RollbackError."""
    if keep and rollback.was_kept(change):
        return dict(KEPT)
    return rollback.keep() if keep and rollback.confirm(change) else rollback.withdraw()


def _validate(
    declared: Declared, changes: Iterable[files.Change], run: Run, warnings: Warnings, *, check: bool
) -> None:
    """Let each changed file be checked in a place of its own. Raises ServiceError if one is refused."""
    validated = {file.path: file for file in declared.files if file.validate}
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        for change in changes:
            if change.path not in validated or not isinstance(change.after, files.File):
                continue
            file = validated[change.path]
            if check and not shutil.which(file.validate[0]):
                continue  # an earlier task brings it
            copy = os.path.join(folder, os.path.basename(file.path))
            with open(copy, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(change.after.content)
            code, out, err = run([word.replace("%s", copy) for word in file.validate])
            if code:
                said = (err or out).strip().replace(copy, file.path)
                raise ServiceError(f"{file} is refused by {file.validate[0]}: {said}{origins.refused(file, said)}")
            if not declared.checks:  # which say the same of all files together
                warnings.hear(file.validate[0], f"{out}\n{err}".replace(copy, file.path))


def _require_in_force(declared: Declared, run: Run, outcome: str = "") -> None:
    """Check that nothing of others keeps the files out of force. Raises ServiceError."""
    for command in declared.in_force:
        code, out, err = run(command)
        if code:
            raise ServiceError((err or out).strip() + outcome)


def _guarded(transaction: Transaction, rollback: Rollback, delay: int) -> dict[str, Any]:
    """Apply a plan; without a confirmation in `delay` seconds, unless that is 0, the host undoes it.

    Return what the control side must know to confirm it.

    Raises:
        RollbackError: there is no guard, and nothing was changed.
        ServiceError: something failed, and the old files are back.

    """
    change = ""
    if delay:
        undo = script(plan.undo_script(transaction.declared, transaction.plan))
        change = rollback.arm(delay, undo, [unit.name for unit in transaction.declared.units])
    try:
        transaction.begin()
        try:
            transaction.apply()
            if delay:
                rollback.require_pending(delay)
        except (StrataError, OSError) as error:
            raise ServiceError(f"{error}; {transaction.rollback()}") from error
    except ServiceError:
        if delay:
            rollback.disarm()
        raise
    transaction.owed.forget()
    if not delay:
        return {}
    blame = origins.changed(files.diff(transaction.plan.changes), transaction.declared.files)
    return {"unconfirmed": delay, "change": change, "blame": blame}


@dataclass
class Transaction:
    """A plan on its way into force; what it owes until it is, and whether a run that was killed owed something too."""

    declared: Declared
    plan: Plan
    run: Run
    warnings: Warnings
    owed: Owed
    was_owed: bool

    def begin(self) -> None:
        """Note that all is to be done that follows from the files, and how they come back if that fails after all.

        What a killed run noted stays behind that: its files were never checked.

        Raises:
            ServiceError: the note cannot be written, and nothing was changed.

        """
        try:
            self.owed.note(files.undoing(self.plan.changes).encode() + (self.owed.read() or b""))
        except OSError as error:
            raise ServiceError(f"{self.owed.path}: {error.strerror or error}; nothing was changed") from error

    def apply(self) -> None:
        """Write the files, check them, and take the steps.

        Raises:
            ServiceError: a check or a command fails, or something is no longer as it must stay.
            UnitError: a unit is not in the wanted state, or does not listen.

        """
        before = self._kept()
        files.apply(self.plan.changes)
        self.activate(self.declared.checks)
        _require_in_force(self.declared, self.run)
        self._succeed(self.plan.live.apply)
        began = time.time()
        for step in self.plan.steps:
            Systemd(self.run).do(step)
        self._require_listening(began)
        for kept, was, is_ in zip(self.declared.kept, before, self._kept(), strict=True):
            if lost := [line for line in was if line not in is_]:
                raise ServiceError(f"no longer so after the change: {', '.join(lost)}: {kept.hint}")

    def _kept(self) -> list[list[str]]:
        """Return the lines of what must be after the change as before; a command that fails prints none that counts."""
        answers = [self.run(kept.read) for kept in self.declared.kept]
        return [[] if code else out.splitlines() for code, out, _ in answers]

    def activate(self, checks: list[list[str]]) -> None:
        """If files changed, or did in a run that was killed, check them and bring them into force.

        Raises:
            ServiceError: a check or a command fails.

        """
        if self.was_owed or self.plan.brings_units():
            Systemd(self.run).reload_manager()
        self._succeed([*checks, *self.declared.commands] if self.plan.changes or self.was_owed else [])

    def _succeed(self, commands: Iterable[list[str]]) -> None:
        """Run commands. Raises ServiceError with what the first says that fails, or warns of what is fatal."""
        for command in commands:
            code, out, err = self.run(command)
            shown = short(command)
            if code:
                raise ServiceError(f"{shown} ends with status {code}: {(err or out).strip()}")
            self.warnings.hear(shown, f"{out}\n{err}")

    def _require_listening(self, began: float) -> None:
        """Wait until the units, whose steps began at a time, listen at their ports. Raises UnitError."""
        systemd, ports = Systemd(self.run), self.declared.ports
        wanted = [unit.name for unit in self.declared.units if unit.started and ports[unit.name]]
        for name, status in systemd.status(wanted).items():
            until = time.time() + listeners.PATIENCE
            absent = [] if status.skipped else listeners.wait(self.run, name, ports[name], until)
            if absent:
                others = listeners.taken(self.run, name, absent).values()
                said = "; ".join(others) or systemd.said(name, int(began)) or "it says nothing"
                raise UnitError(f"{name} does not listen at {', '.join(map(str, absent))}: {said}")

    def rollback(self) -> str:
        """Put the old files in force again, and the units as they were; return a sentence about how that went."""
        former = plan.former(self.declared.units, self.plan.before)
        touched = self.plan.changes or self.was_owed
        failures = _attempt(self._end, former)
        lost = files.undo(self.plan.changes) + _attempt(self._undo_owed)
        if lost:
            return f"not all of the old files could be restored: {'; '.join(lost)}"
        back = "the old files are back" if touched else "nothing else was changed"
        failures += _attempt(self.activate, []) or _attempt(self._succeed, self.plan.live.undo)
        failures += [] if failures else _attempt(self._resume, former)
        if failures:
            return f"{back}, but the service does not run as before: {'; '.join(failures)}"
        self.owed.forget()
        return f"{back} in force" if touched else back

    def _end(self, former: list[Unit]) -> None:
        """End what did not run, while the files are there that it was started with. Raises UnitError."""
        systemd = Systemd(self.run)
        for step in plan.ending(former, systemd.status([unit.name for unit in former])):
            systemd.do(step)

    def _resume(self, former: list[Unit]) -> None:
        """Let units run as they did, with the files that are back. Raises UnitError."""
        systemd = Systemd(self.run)
        status = systemd.status([unit.name for unit in former])
        for step in steps(former, status, on_change=self.declared.on_change, due=True, newest=0):
            systemd.do(step)

    def _undo_owed(self) -> None:
        """Undo also what a run that was killed has changed. Raises ServiceError."""
        if self.was_owed:
            path = shlex.quote(self.owed.path)
            code, _, err = self.run(["sh", "-c", f"umask 077; status=0; . {path}; exit $status"])
            if code:
                raise ServiceError(err.strip())


def _attempt(action: Callable[..., None], *given: Any) -> list[str]:
    """Do something that may fail; return what went wrong, if it did."""
    try:
        action(*given)
    except (StrataError, OSError) as error:
        return [str(error)]
    return []
