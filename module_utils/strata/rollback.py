"""The guard of a change that may lock us out: a timer of the host undoes it unless somebody confirms it.

A change that would outlive a reboot is undone at boot, too, before the units start that it is about.

Confirming and undoing both begin with renaming one and the same file, so only one of them ever happens.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import time
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.commands import Run

NOTE = "# Note: "
CHANGE = "# Change: "

#: Where units are that the host starts at boot.
UNITS = "/etc/systemd/system"
BOOT_UNIT = """\
# Strata keeps this file until somebody has confirmed its last change.
[Unit]
Description=Undo a change that nobody has confirmed
ConditionPathExists={pending}
Before={units}
# It may be about one that starts early.
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c '{command} boot'
"""

KEPT = {"changed": True, "confirmed": True}

SHORTEST, LONGEST = 5, 3600


class RollbackError(StrataError):
    """A change cannot be guarded, or could not be undone; the text is one sentence for the user."""


def check_delay(delay: int) -> int:
    """Return the seconds until a change is undone, 0 for no guard.

    Raises:
        RollbackError: it is too short or too long.

    """
    if delay and not SHORTEST <= delay <= LONGEST:
        raise RollbackError(f"rollback_delay: {delay} must be {SHORTEST} to {LONGEST} seconds, or 0 for no rollback")
    return delay


def script(commands: str, note: str = "") -> str:
    """Return the shell script that undoes a change, and removes itself when it could.

    Args:
        commands: what undoes it; each sets `status` to 1 when it fails. At boot, their first argument is "boot".
        note: one line for whoever confirms the change, so that both have one fate.

    """
    head = f"# Undoes Strata's last change.\n{NOTE}{note}\numask 077\nstatus=0\n"
    return f'{head}{commands}if [ $status = 0 ]; then rm "$0"; fi\nexit $status\n'


class Rollback:
    """The change of one subject of a host that is still to be confirmed."""

    def __init__(self, subject: str, run: Run, *, outlives_boot: bool = False) -> None:
        """Take what runs a command, and whether the change would outlive a reboot by itself."""
        self.run = run
        self.unit = f"strata-{subject}-rollback"
        self.pending = f"{paths.STATE if outlives_boot else paths.RUNTIME}/{subject}-rollback"
        boot = f"{self.unit}-boot.service"
        self.at_boot = [f"{UNITS}/{boot}", f"{UNITS}/multi-user.target.wants/{boot}"] if outlives_boot else []
        self.confirmed = f"{self.pending}.confirmed"
        self.running = f"{self.pending}.running"
        self.kept = f"{paths.RUNTIME}-kept/{subject}"

    def arm(self, delay: int, text: str, units: Sequence[str] = ()) -> str:
        """Start the timer that runs the script `text`; it is known to run before anything is changed.

        A reboot runs it too, before it starts any of `units`, if the change outlives it.

        Return the name of the change, for whoever confirms it.

        Raises:
            RollbackError: it does not start.

        """
        change = secrets.token_hex(8)
        pending, running = shlex.quote(self.pending), shlex.quote(self.running)
        command = f"mv -f {pending} {running} && exec sh {running}"
        try:
            self._write(f"{CHANGE}{change}\n", text, units, command)
        except OSError as error:
            self._forget()
            raise RollbackError(f"the change would have no rollback, which rollback_delay asks for: {error}") from error
        timer = [f"--unit={self.unit}", f"--on-active={delay}s", "--timer-property=AccuracySec=100ms"]
        status, _, message = self.run(["systemd-run", "--quiet", "--collect", *timer, "sh", "-c", command])
        if status:
            self._forget()
            raise RollbackError(f"the change would have no rollback, which rollback_delay asks for: {message.strip()}")
        return change

    def require_pending(self, delay: int) -> None:
        """Raise RollbackError unless the change can still be undone by itself."""
        if not os.path.exists(self.pending):
            raise RollbackError(f"it took longer than rollback_delay, {delay} s, to put the change in force")

    def was_kept(self, change: str) -> bool:
        """Tell whether a change has been kept before: the answer to its confirmation may have got lost."""
        return bool(change) and _said(self.kept, CHANGE) == change

    def confirm(self, change: str) -> bool:
        """Decide that a change stays, if nobody has decided otherwise; tell whether that was so."""
        return self._claim(self.confirmed) or (bool(change) and _said(self.confirmed, CHANGE) == change)

    def note(self) -> str:
        """Return the note of the change that has just been confirmed."""
        return _said(self.confirmed, NOTE)

    def keep(self) -> dict[str, Any]:
        """End the guard of the change that has just been confirmed; return the result of the module."""
        mark = f"{CHANGE}{_said(self.confirmed, CHANGE)}\n"
        files.apply([files.Change(self.kept, None, files.File(mark.encode(), 0o600))])
        self.disarm()
        return dict(KEPT)

    def undo_confirmed(self) -> None:
        """Undo the change that has just been confirmed. Raises RollbackError."""
        self._undo(self.confirmed)

    def disarm(self) -> None:
        """Stop the timer, whose decision has been taken or is no longer wanted."""
        self._forget()
        self.run(["systemctl", "stop", f"{self.unit}.timer"])  # it fails when the timer has just elapsed: no harm

    def _write(self, head: str, text: str, units: Sequence[str], command: str) -> None:
        """Write the script and, if it must run before some units start, what runs it at boot; raises OSError."""
        os.makedirs(os.path.dirname(self.pending), mode=0o700, exist_ok=True)
        head += f"rm -f -- {shlex.join(self.at_boot)}\n" if self.at_boot else ""
        states: dict[str, files.State] = {self.pending: files.File(f"{head}{text}".encode(), 0o600)}
        if self.at_boot:
            unit = BOOT_UNIT.format(pending=self.pending, units=" ".join(units), command=command)
            states |= {self.at_boot[0]: files.File(unit.encode()), self.at_boot[1]: files.Link(self.at_boot[0])}
        files.apply(files.Change(path, None, state) for path, state in states.items())

    def _forget(self) -> None:
        for path in (*reversed(self.at_boot), self.pending, self.confirmed):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def withdraw(self) -> dict[str, Any]:
        """Undo the change at once, or wait for a rollback that is under way; return the result of the module.

        Raises:
            RollbackError: it could not be undone.

        """
        return {"changed": False, "confirmed": False, "restored": self._withdraw() or self._wait(), "unit": self.unit}

    def resolve(self) -> bool:
        """End a change that an earlier run left without a decision; tell whether that undid it.

        Raises:
            RollbackError: it could not be undone.

        """
        if self._withdraw():
            return True
        if not self._wait():
            os.unlink(self.running)  # it failed; what the host has is what this run starts from
        self._forget()  # what somebody left who died after he had confirmed it
        return False

    def _claim(self, name: str) -> bool:
        try:
            os.rename(self.pending, name)
        except FileNotFoundError:
            return False
        return True

    def _withdraw(self) -> bool:
        if not self._claim(self.running):
            return False
        self.run(["systemctl", "stop", f"{self.unit}.timer"])
        self._undo(self.running)
        return True

    def _wait(self) -> bool:
        """Wait for a rollback that is under way; tell whether the last one went well."""
        active = ["systemctl", "is-active", "--quiet", f"{self.unit}.service"]
        while os.path.exists(self.running) and self.run(active)[0] == 0:
            time.sleep(0.1)
        return not os.path.exists(self.running)

    def _undo(self, path: str) -> None:
        status, _, message = self.run(["sh", path])
        if status:
            raise RollbackError(f"the change could not be undone: {message.strip()}")


def _said(path: str, kind: str) -> str:
    """Return what a script says of itself in a line that begins with `kind`, nothing if there is none."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as stream:
        return next((line.removeprefix(kind).rstrip("\n") for line in stream if line.startswith(kind)), "")
    return ""
