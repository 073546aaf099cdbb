"""Units of packages that are new on a host: their timers start at once, and the others wait for roles.

Maintainer scripts ask for the start of a package's service and timer in one call, which our policy refuses as a whole.
What waits is remembered, so that later runs can tell of what no role has started.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt import policy
from ansible.module_utils.strata.owed import Owed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible.module_utils.strata.apt.tools import Tools

SYSTEMD = "/run/systemd/system"
#: What waits is owed under this name.
OWED = "apt-units"

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
        return f"not all of {', '.join(self.timers)} start: {result.reason()}" if result.status else ""


def find(tools: Tools, packages: Sequence[str]) -> Units:
    """Return the units of packages which our policy has kept from starting: none if the host has one of its own."""
    if not packages or os.path.lexists(policy.PATH) or not os.path.isdir(SYSTEMD):
        return Units()
    names = sorted(set(_UNIT.findall(tools.read(["dpkg-query", "--listfiles", *packages]).output)))
    waiting = _waiting(tools, names)
    timers = {each for each in waiting if each.endswith(".timer")}
    return Units(tuple(sorted(timers)), tuple(sorted(waiting - timers)))


def remembered(tools: Tools) -> list[str]:
    """Return the units that earlier runs have left waiting, and that nobody has started or disabled since then."""
    content = Owed(OWED).read() or b""
    return sorted(_waiting(tools, content.decode().split()))


def remember(units: Iterable[str]) -> None:
    """Note which units wait from now on."""
    if content := "".join(f"{unit}\n" for unit in sorted(set(units))).encode():
        if Owed(OWED).read() != content:
            Owed(OWED).note(content)
    else:
        Owed(OWED).forget()


def warning(units: Sequence[str]) -> str:
    """Return what to say of units that have waited since an earlier run; nothing if none has."""
    if not units:
        return ""
    names = " ".join(units)
    return (
        f"no role has started {', '.join(units)} of new packages: `systemctl start {names}` does, or the next boot; "
        f"`systemctl disable {names}` keeps it so"
    )


def _waiting(tools: Tools, names: Sequence[str]) -> set[str]:
    """Return those of some units that are enabled, but not active; what does its work once, at boot, is none."""
    if not names:
        return set()
    shown = tools.read(["systemctl", "show", "--property=Id,Type,UnitFileState,ActiveState", "--", *names])
    units = [dict(_PROPERTY.findall(block)) for block in shown.output.split("\n\n")]
    return {
        unit["Id"]
        for unit in units
        if unit.get("UnitFileState") in {"enabled", "enabled-runtime"}
        and unit["ActiveState"] in {"inactive", "failed"}
        and unit.get("Type") != "oneshot"
    }
