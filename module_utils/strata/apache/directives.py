"""Which module has which directive, by Apache's own list."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.host import ROOT
from ansible.module_utils.strata.apache.modules import parse_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.commands import Run

_DIRECTIVE = re.compile(r"^(<?[A-Za-z0-9]+>?) \((?:mod_|util_)?(\w+)\.c\)$", re.MULTILINE)


def parse(output: str, available: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the modules that have a directive, by its name in small letters, from what `apache2 -L` prints."""
    names = set(available)
    found: dict[str, frozenset[str]] = {}
    builtin = set()
    for directive, module in _DIRECTIVE.findall(output):
        if module in names:
            found[directive.lower()] = found.get(directive.lower(), frozenset()) | {module}
        else:
            builtin.add(directive.lower())
    return {name: modules for name, modules in found.items() if name not in builtin}


def known(run: Run, mpm: str, root: str = ROOT) -> tuple[dict[str, frozenset[str]], set[str]]:
    """Return which available modules have which directive, and the modules that are built in.

    Nothing is known where Apache can't load all modules beside each other.

    Args:
        run: runs a command.
        mpm: the module that runs Apache's processes; others don't go beside it.
        root: the folder of Apache's configuration.

    """
    loads = {}
    for path in glob.glob(f"{root}/mods-available/*.load"):
        with open(path, encoding="utf-8", errors="replace") as stream:
            loads[os.path.basename(path).removesuffix(".load")] = stream.read()
    loads = {name: text for name, text in loads.items() if not name.startswith("mpm_") or name == mpm}
    with tempfile.NamedTemporaryFile("w", prefix="strata-apache-", dir="/run") as config:
        config.write("".join(f'Include "{root}/mods-available/{name}.load"\n' for name in _ordered(loads)))
        config.write("ServerName localhost\nErrorLog /dev/null\n")
        config.flush()
        code, output, _ = run(["apache2", "-L", "-f", config.name])
    if code:
        return {}, set()
    return parse(output, loads), {module for _, module in _DIRECTIVE.findall(output)} - loads.keys()


def _ordered(loads: Mapping[str, str]) -> list[str]:
    """Return the names of the modules, each after those that it depends on."""
    found: dict[str, None] = {}

    def add(name: str, below: tuple[str, ...]) -> None:
        if name in loads and name not in found and name not in below:
            for needed in parse_module(loads[name], has_conf=False).depends:
                add(needed, (*below, name))
            found[name] = None

    for name in sorted(loads):
        add(name, ())
    return list(found)
