"""A module whose commands are noted and answered, and what the declarations of tests have in common."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.service import run

if TYPE_CHECKING:
    from pathlib import Path


LISTS: dict[str, Any] = {
    "files": [],
    "purge": [],
    "checks": [],
    "in_force": [],
    "fatal_warnings": [],
    "commands": [],
    "live": [],
    "kept": [],
    "units": [],
}


DEFAULTS = LISTS | {"on_change": "restart", "rollback_delay": 0, "confirm": None, "change": ""}


FILE = {
    "content": None,
    "secret_content": None,
    "content_from": None,
    "link": None,
    "ensure": "present",
    "mode": "0644",
    "owner": str(os.getuid()),
    "group": str(os.getgid()),
    "validate": None,
    "origins": {},
    "former": None,
    "origin": None,
}


UNIT = {"name": "a.service", "started": True, "enabled": None, "listens": []}


class Module:
    """What the module needs of QuietModule: parameters, and commands that are noted and answered.

    Its unit is what systemctl made of it; the shell is a real one.
    """

    def __init__(
        self,
        params: dict[str, Any],
        refuse: str = "",
        *,
        check_mode: bool = False,
        state: str = "active",
        enabled: str = "enabled",
        load: str = "loaded",
    ) -> None:
        self.params = {"name": "trial"} | DEFAULTS | params
        self.check_mode = check_mode
        self.refuse = refuse
        self.state, self.enabled, self.load = state, enabled, load
        self.commands: list[str] = []
        self.says: dict[str, str] = {}
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def run(self, command: list[str]) -> tuple[int, str, str]:
        line = " ".join(command)
        self.commands.append(line)
        if command == ["name"]:
            return 0, "old\n", ""
        if command[:2] == ["systemctl", "show"]:
            block = f"LoadState={self.load}\nActiveState={self.state}\nUnitFileState={self.enabled}\n"
            return 0, f"{block}ActiveEnterTimestampMonotonic=1\n", ""
        if self.refuse and self.refuse in line:
            return 1, "", f"{line} says no"
        if command[0] == "systemctl":
            self.state = {"start": "active", "restart": "active", "stop": "inactive"}.get(command[1], self.state)
            self.enabled = {"enable": "enabled", "disable": "disabled"}.get(command[1], self.enabled)
        if command[0] == "sh":
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            return done.returncode, done.stdout, done.stderr
        return 0, "", self.says.get(command[0], "")


def file(path: Path | str, content: str, **keys: Any) -> dict[str, Any]:
    return FILE | {"path": str(path), "content": content} | keys


def converge(module: Module) -> dict[str, Any]:
    return run.converge(module)
