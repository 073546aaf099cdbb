"""What apt and dpkg print, understood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt.host import AptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.apt.declared import Wish
    from ansible.module_utils.strata.apt.plan import Plan

_UNKNOWN = re.compile(
    r"^E: (Unable to locate package (\S+)|Package '([^']+)' has no installation candidate"
    r"|Version '[^']+' for '([^']+)' was not found"
    r"|Couldn't find any package by (?:glob|regex) '([^']+)')$",
    re.MULTILINE,
)
_VIRTUAL = re.compile(r"^Package (\S+) is a virtual package provided by:\n((?: .*\n)+)", re.MULTILINE)
_REMOVED = re.compile(r"^The following packages will be REMOVED:\n((?: .*\n)+)", re.MULTILINE)
_RISKY = re.compile(
    r"^The following (?:packages will be DOWNGRADED|held packages will be changed):\n((?: .*\n)+)", re.MULTILINE
)
_NEW = re.compile(r"^Inst (\S+) \((\S+)", re.MULTILINE)
_INST = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", re.MULTILINE)
_REMV = re.compile(r"^(?:Remv|Purg) (\S+) \[(\S+)\]", re.MULTILINE)
# What is worth telling: errors, and the block of unmet dependencies that says what an error is about.
_WARNING = re.compile(r"^W: .*", re.MULTILINE)
_REASON = re.compile(r"^(?:E: .*|dpkg: error.*(?:\n .*)*| \S+ : .*(?:\n {3,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """How a process ended and what it said."""

    status: int
    output: str
    errors: str

    def warnings(self) -> list[str]:
        """Return what it warned of, though it may have ended well."""
        return list(dict.fromkeys(each.removeprefix("W: ") for each in _WARNING.findall(self.errors)))

    def reason(self, *, warnings: bool = False) -> str:
        """Return why it failed, in one line: the errors (and warnings) without the noise around them."""
        text = f"{self.output}\n{self.errors}"
        matches = [*(_WARNING.findall(text) if warnings else ()), *(match[0] for match in _REASON.finditer(text))]
        found = [" ".join(re.sub("^[EW]: ", "", each).split()).rstrip(".") for each in matches]
        lines = [line for line in dict.fromkeys(found) if "--solver 3.0" not in line]
        return (
            "; ".join(lines if warnings else lines[-6:])
            or (text.strip().splitlines() or [f"exit status {self.status}"])[-1]
        )


class Simulation(Result):
    """What `apt-get --simulate` says that a plan would do."""

    def installs(self) -> dict[str, str]:
        """Return what would be installed or upgraded, with the versions."""
        return dict(_INST.findall(self.output))

    def news(self) -> set[str]:
        """Return the names of packages that are not on the host and would be installed."""
        return {name.partition(":")[0] for name, _ in _NEW.findall(self.output)}

    def removes(self) -> dict[str, str]:
        """Return what would be removed, with the versions."""
        return dict(_REMV.findall(self.output))

    def unknown(self, wanted: Sequence[Wish]) -> str:
        """Return a message about the wanted packages that apt does not know, or nothing."""
        providers = {
            name: ", ".join(line.split()[0] for line in block.splitlines() if line.strip())
            for name, block in _VIRTUAL.findall(f"{self.output}\n")
        }
        found: dict[str, str] = {}
        for text, *names in _UNKNOWN.findall(self.errors):
            name = "".join(names)
            hint = f" (it is virtual: choose one of {providers[name]})" if name in providers else ""
            wish = next((str(wish) for wish in wanted if name in (wish.spec, wish.name)), name)
            found.setdefault(name, f"{wish} cannot be installed: {text}{hint}")
        return "; ".join(found.values())

    def unwanted(self, plan: Plan) -> list[str]:
        """Return the packages that would be removed though the plan does not say so."""
        allowed = {package.name for _, package in plan.remove} | {key for key, _ in plan.remove}
        removed = [name.rstrip("*") for block in _REMOVED.findall(self.output) for name in block.split()]
        return [name for name in removed if name not in allowed]

    def check(self, plan: Plan, absent: Sequence[Wish]) -> None:
        """Check that apt knows all packages of the plan and would do no harm with it.

        Raises:
            AptError: it would not go that way.

        """
        if unknown := self.unknown(plan.install):
            raise AptError(unknown)
        asked = plan.describe(absent)
        if others := self.unwanted(plan):
            raise AptError(f"{asked} would also remove {', '.join(others)}, which nobody wants absent")
        versioned = {wish.name for wish in plan.install if wish.version}
        risky = [name.partition(":")[0] for block in _RISKY.findall(self.output) for name in block.split()]
        if others := [name for name in risky if name not in versioned]:
            raise AptError(f"{asked} would also change the version of {', '.join(others)}, which is held or newer")
        if self.status:
            raise AptError(f"{asked} is not possible: {self.reason()}")
        for wish in absent:
            if wish.spec in self.installs():
                raise AptError(f"{asked} would bring {wish.spec}, but {wish} must be absent")
