"""Units of packages that are new on a host: in the end their timers start, and what else waits is named.

Maintainer scripts ask for the start of a package's service and timer in one call, which our policy refuses as a whole.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt import policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apt.tools import Tools

SYSTEMD = "/run/systemd/system"

_UNIT = re.compile(r"^(?:/usr)?/lib/systemd/system/([^/@\n]+\.(?:timer|service|socket|path))$", re.MULTILINE)
_PROPERTY = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Units:
    """Units that are enabled, but not active: timers, and others."""

    timers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def start_timers(self, tools: Tools) -> str:
        """Start the timers; return a warning if one does not start, as its package alone would not mind."""
        if not self.timers:
            return ""
        result = tools.read(["systemctl", "start", "--", *self.timers])
        return f"not all of the timers {', '.join(self.timers)} start: {result.reason()}" if result.status else ""


def find(tools: Tools, packages: Sequence[str]) -> Units:
    """Return the units of packages which our policy has kept from starting: none if the host has one of its own."""
    if not packages or os.path.lexists(policy.PATH) or not os.path.isdir(SYSTEMD):
        return Units()
    names = sorted(set(_UNIT.findall(tools.read(["dpkg-query", "--listfiles", *packages]).output)))
    if not names:
        return Units()
    shown = tools.read(["systemctl", "show", "--property=Id,UnitFileState,ActiveState", "--", *names])
    units = [dict(_PROPERTY.findall(block)) for block in shown.output.split("\n\n")]
    waiting = {
        unit["Id"]
        for unit in units
        if unit.get("UnitFileState") in {"enabled", "enabled-runtime"} and unit["ActiveState"] in {"inactive", "failed"}
    }
    timers = {each for each in waiting if each.endswith(".timer")}
    return Units(tuple(sorted(timers)), tuple(sorted(waiting - timers)))
