"""Units of systemd as values: what is wanted, what is there, and the steps between the two."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.commands import Run

#: What a running unit needs when its files changed; "none" or "" for nothing.
Action = Literal["reload", "restart"]

PROPERTIES = (
    "Type,LoadState,ActiveState,UnitFileState,NRestarts,ActiveEnterTimestampMonotonic,"
    "ConditionResult,ConditionTimestampMonotonic,CanReload"
)

#: Seconds that a unit may take to start, and those for which one that says nothing of its readiness must stay alive.
PATIENCE = 60
ALIVE = 1.0

LINES = 20


class UnitError(StrataError):
    """A unit is not in the wanted state; the text is one sentence, with the unit's own words."""


@dataclass(frozen=True)
class Unit:
    """A unit as it is wanted; `enabled` None leaves that as it is."""

    name: str
    started: bool = True
    enabled: bool | None = True


@dataclass(frozen=True)
class Status:
    """A unit as it is.

    `since` is when it became active (Unix time), 0 for never. A `skipped` unit was started, but its own conditions say
    that it has nothing to do on this host, such as one that sets the clock in a container.
    """

    there: bool = False
    active: bool = False
    starting: bool = False
    skipped: bool = False
    enabled: bool = False
    silent: bool = False
    restarts: int = 0
    since: float = 0
    reloadable: bool = True


@dataclass(frozen=True)
class Step:
    """What is done to a unit: a verb of systemctl."""

    verb: str
    unit: str

    def __str__(self) -> str:
        """Return the step as a diff shows it."""
        return f"{self.unit}: {self.verb}"


def steps(
    units: Iterable[Unit],
    status: Mapping[str, Status],
    *,
    on_change: Action | Literal["none"],
    due: bool,
    newest: float,
) -> list[Step]:
    """Return the steps that bring the units to the wanted state.

    Args:
        units: what is wanted.
        status: what is there.
        on_change: what a running unit needs when its files changed.
        due: whether files are changing, or changed in a run that did not come to that.
        newest: when the newest of the units' files was written, Unix time; a process that is older is restarted.

    """
    found = []
    for unit in units:
        is_ = status[unit.name]
        if unit.enabled is not None and unit.enabled != is_.enabled:
            found.append(Step("enable" if unit.enabled else "disable", unit.name))
        if unit.started != (is_.active or (unit.started and is_.skipped)):
            found.append(Step("start" if unit.started else "stop", unit.name))
        elif is_.skipped:
            continue
        elif unit.started and on_change != "none" and (due or (on_change == "restart" and is_.since < newest)):
            found.append(Step(on_change, unit.name))
    return found


class Systemd:
    """The service manager of this host."""

    def __init__(self, run: Run) -> None:
        """Keep what runs a command and returns its exit status, output and error output."""
        self.run = run

    def status(self, names: Sequence[str]) -> dict[str, Status]:
        """Return the state of units, in one call; one more for each that an init script brings. Raises UnitError."""
        if not names:
            return {}
        _, out, err = self.run(["systemctl", "show", f"--property={PROPERTIES}", "--", *names])
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.strip().split("\n\n")]
        if len(blocks) != len(names) or not all(blocks):
            raise UnitError(f"systemctl does not tell how {', '.join(names)} is: {err.strip() or 'it says nothing'}")
        booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        found = {name: _status(shown, booted) for name, shown in zip(names, blocks, strict=True)}
        # The links of an init script, from which a unit was generated, are not among the unit's properties.
        for name in [
            name for name, shown in zip(names, blocks, strict=True) if shown.get("UnitFileState") == "generated"
        ]:
            code, _, _ = self.run(["systemctl", "is-enabled", "--quiet", "--", name])
            found[name] = replace(found[name], enabled=code == 0)
        return found

    def do(self, step: Step) -> None:
        """Take a step, and wait until the unit is what it should be after that.

        Raises:
            UnitError: it is not.

        """
        began = int(time.time())
        if step.verb in {"start", "restart"}:
            # Else a unit that was started often, or that failed, is refused.
            self.run(["systemctl", "reset-failed", "--", step.unit])
        code, out, err = self.run(["systemctl", step.verb, "--", step.unit])
        if code:
            said = self.said(step.unit, began) or (err or out).strip()
            raise UnitError(f"{step.unit}: {step.verb} failed: {said}")
        if step.verb in {"start", "restart", "reload"}:
            self._wait(step, began)

    def reload_manager(self) -> None:
        """Make systemd read its unit files anew."""
        self.run(["systemctl", "daemon-reload"])

    def said(self, unit: str, since: int) -> str:
        """Return the last lines that a unit wrote to the journal since a Unix time."""
        self.run(["journalctl", "--sync"])  # what it said just before its end may be on its way
        _, out, _ = self.run(["journalctl", "-q", "--no-pager", "-o", "cat", f"--since=@{since}", f"--unit={unit}"])
        return "; ".join(line.strip() for line in out.splitlines()[-LINES:] if line.strip())

    def _wait(self, step: Step, began: int) -> None:
        start = time.monotonic()
        first = self.status([step.unit])[step.unit]
        status = first
        while status.starting or (status.active and status.silent and time.monotonic() < start + ALIVE):
            if status.restarts != first.restarts or time.monotonic() > start + PATIENCE:
                break
            time.sleep(0.05)
            status = self.status([step.unit])[step.unit]
        if not (status.active or status.skipped) or status.restarts != first.restarts:
            raise UnitError(
                f"{step.unit} does not run after its {step.verb}: {self.said(step.unit, began) or 'it says nothing'}"
            )


def _status(shown: Mapping[str, str], booted: float) -> Status:
    entered = int(shown.get("ActiveEnterTimestampMonotonic") or 0)
    return Status(
        there=shown["LoadState"] not in {"not-found", "masked"},
        active=shown["ActiveState"] in {"active", "reloading"},
        starting=shown["ActiveState"] == "activating",
        skipped=shown["ActiveState"] == "inactive"
        and shown.get("ConditionResult") == "no"
        and shown.get("ConditionTimestampMonotonic") not in {"0", "", None},
        # A unit that cannot be enabled (static) is as enabled as it can be.
        enabled=shown.get("UnitFileState") not in {"disabled", "masked", "bad", ""},
        silent=shown.get("Type") in {"simple", "exec", "idle"},
        restarts=int(shown.get("NRestarts") or 0),
        since=booted + entered / 1e6 if entered else 0,
        reloadable=shown.get("CanReload") != "no",
    )
