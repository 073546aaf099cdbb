"""The plan for one service: what is done to its files and units, and what undoes that."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.service.declared import ServiceError
from ansible.module_utils.strata.units import Step, Unit, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.service.declared import Declared
    from ansible.module_utils.strata.service.host import Found
    from ansible.module_utils.strata.service.live import Changes
    from ansible.module_utils.strata.units import Status

UNIT_FOLDER = "/etc/systemd/system/"


@dataclass(frozen=True)
class Plan:
    """What is done, in this order, and how the units were `before`."""

    changes: list[files.Change]
    commands: list[list[str]]
    live: Changes
    steps: list[Step]
    before: Mapping[str, Status]

    def untouched(self, units: Iterable[Unit]) -> list[str]:
        """Return the units that run, and to which nothing is done."""
        touched = {step.unit for step in self.steps}
        return [
            unit.name for unit in units if unit.started and self.before[unit.name].active and unit.name not in touched
        ]

    def restarting(self, units: Iterable[str]) -> Plan:
        """Return the plan with restarts of further units."""
        return replace(self, steps=[*self.steps, *(Step("restart", name) for name in units)])

    def actions(self) -> list[str]:
        """Return what is done besides the changes of files, as lines for people."""
        return [*map(shlex.join, [*self.commands, *self.live.apply]), *map(str, self.steps)]

    def brings_units(self) -> bool:
        """Tell whether files of units change."""
        return any(change.path.startswith(UNIT_FOLDER) for change in self.changes)


def plan(declared: Declared, found: Found, *, check: bool) -> Plan:
    """Return what is to do; in check mode a unit that is missing counts as one that an earlier task brings.

    Raises:
        ServiceError: there is no such unit on the host.

    """
    status = _expected(found, check=check)
    due = bool(found.changes) or found.owed
    todo = steps(declared.units, status, on_change=declared.on_change, due=due, newest=found.newest)
    return Plan(found.changes, declared.commands if due else [], found.live, todo, status)


def _expected(found: Found, *, check: bool) -> dict[str, Status]:
    absent = [name for name, status in found.status.items() if not status.there]
    if not check:
        # Only a unit file of our own may bring a unit that is not there.
        paths = {change.path for change in found.changes}
        missing = next((name for name in absent if UNIT_FOLDER + name not in paths), None)
        if missing:
            raise ServiceError(f"there is no unit {missing} on this host: install its package first")
        return found.status
    # The package that brings a timer starts it, unlike a service, which waits for its configuration.
    timers = [name for name in absent if name.endswith(".timer")]
    return found.status | {name: replace(found.status[name], active=True, enabled=True) for name in timers}


def undo_script(declared: Declared, planned: Plan) -> str:
    """Return the shell commands that undo a plan; each sets `status` to 1 when it fails.

    At boot, when their first argument is "boot", the units have yet to be started, with the old files.
    """
    verb = {"reload": "reload-or-restart", "restart": "restart", "none": "start"}[declared.on_change]
    commands = [["systemctl", "daemon-reload"], *declared.commands, *planned.live.undo]
    now: list[list[str]] = []
    for unit in declared.units:
        was = planned.before[unit.name]
        if unit.enabled is not None and unit.enabled != was.enabled:
            commands.append(["systemctl", "enable" if was.enabled else "disable", unit.name])
        if was.active or unit.started:
            now.append(["systemctl", verb if was.active else "stop", unit.name])
    lines = [shlex.join(command) for command in commands]
    lines += [f'[ "$1" = boot ] || {shlex.join(command)}' for command in now]
    return files.undoing(planned.changes) + "".join(f"{line} || status=1\n" for line in lines)


def former(units: Iterable[Unit], before: Mapping[str, Status]) -> list[Unit]:
    """Return the units as they were before a plan."""
    return [Unit(unit.name, before[unit.name].active, before[unit.name].enabled) for unit in units]


def ending(units: Iterable[Unit], now: Mapping[str, Status]) -> list[Step]:
    """Return the steps that end what did not run or start at boot before."""
    # One that fails again and again would come up as soon as the old files are back.
    status = {name: replace(each, active=each.active or each.starting) for name, each in now.items()}
    todo = steps(units, status, on_change="none", due=False, newest=0)
    return [step for step in todo if step.verb in {"stop", "disable"}]
