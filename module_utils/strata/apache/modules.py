"""Apache's modules as values: which ones are wanted, why, what they need, and which ones must go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apache.checks import FILE_NAME
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ansible.module_utils.strata.apache.vhosts import Site

# What our own settings need, and what keeps slow clients from holding all connections.
_BASE = ("authz_core", "headers", "reqtimeout")
_KEYS = {"name", "value", "conf", "package", "origin"}


@dataclass(frozen=True)
class Module:
    """What Debian's mods-available says of one module."""

    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    has_conf: bool = False


@dataclass(frozen=True)
class Settings:
    """The settings that a declared module has: text of a file of ours, and where it was declared."""

    module: str
    text: str
    origin: str

    @property
    def file(self) -> str:
        """Return the name of the file, which Apache reads after our own settings: strata.conf."""
        return f"strata_module_{self.module}.conf"

    def __str__(self) -> str:
        """Return the settings as messages name them."""
        return f"the conf of module {self.module}" + (f" ({self.origin})" if self.origin else "")


@dataclass(frozen=True)
class Wanted:
    """The wanted modules, each with who wants it, and the settings of those that have some."""

    reasons: Mapping[str, str]
    settings: tuple[Settings, ...] = ()


def wanted(items: Iterable[Any], sites: Iterable[Site]) -> Wanted:
    """Return the modules that items (names, or dictionaries) and sites want.

    Raises:
        DeclarationError: an item is not a module, or two items have different settings for one module.

    """
    reasons = dict.fromkeys(_BASE, "Strata's own settings")
    settings: dict[str, Settings] = {}
    for item in items:
        entry = item if isinstance(item, dict) else {"name": item}
        name, origin = _name(entry), entry.get("origin") or ""
        reasons.setdefault(name, origin or "modules")
        if not entry.get("conf"):
            continue
        mine = Settings(name, str(entry["conf"]).removesuffix("\n") + "\n", origin)
        if settings.setdefault(name, mine).text != mine.text:
            raise DeclarationError(f"{mine} is another one than that of {settings[name].origin}: a module has one")
    for site in sites:
        for name in site.modules:
            reasons.setdefault(name, str(site))
    return Wanted(reasons, tuple(settings[name] for name in sorted(settings)))


def _name(entry: Mapping[str, Any]) -> str:
    unknown = sorted(entry.keys() - _KEYS)
    if unknown:
        raise DeclarationError(f"modules: a module has no key {unknown[0]!r} (known: name, conf, package)")
    name = entry.get("name", entry.get("value"))
    if not isinstance(name, str) or not FILE_NAME.fullmatch(name):
        raise DeclarationError(f"{name!r} is not the name of an Apache module")
    return name


def parse_module(load: str, *, has_conf: bool) -> Module:
    """Return what the text of a .load file says: `# Depends: a b`, `# Conflicts: c`."""
    said = {
        key: tuple(names.split()) for key, names in re.findall(r"^# (Depends|Conflicts): *(.*)$", load, re.MULTILINE)
    }
    return Module(said.get("Depends", ()), said.get("Conflicts", ()), has_conf)


def close_over(names: Iterable[str], available: Callable[[str], Module | None]) -> dict[str, Module | None]:
    """Return the modules with all that they depend on, after what needs them; None for one that is not available."""
    found: dict[str, Module | None] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = module = available(name)
            todo.extend(module.depends if module else ())
    return found


def needed_by(name: str, reasons: Mapping[str, str], modules: Mapping[str, Module | None]) -> str:
    """Return who wants a module: a declaration, or another module and who wants that."""
    if name in reasons:
        return reasons[name]
    needer = next(other for other, module in modules.items() if module and name in module.depends)
    return f"module {needer} ({needed_by(needer, reasons, modules)})"


def off(
    disabled: Iterable[str],
    purged: Iterable[str],
    reasons: Mapping[str, str],
    modules: Mapping[str, Module | None],
    enabled: Mapping[str, Module | None],
) -> set[str]:
    """Return the enabled modules that go: those to disable, and those to purge but what has to stay.

    Raises:
        DeclarationError: one that is to be disabled is needed, or modules that stay exclude each other.

    """
    disabled = set(disabled)
    for name in sorted(disabled):
        if not FILE_NAME.fullmatch(name):
            raise DeclarationError(f"disabled_modules: {name!r} is not the name of an Apache module")
        if name in modules:
            raise DeclarationError(f"disabled_modules: {name} is needed by {needed_by(name, reasons, modules)}")
    # Apache needs one way to run its processes: that of the host, unless another one is declared.
    chosen = any(name.startswith("mpm_") for name in modules)
    gone = disabled | {name for name in purged if name not in modules and (chosen or not name.startswith("mpm_"))}
    stays = {**{name: module for name, module in enabled.items() if name not in gone}, **modules}
    for name, module in sorted(stays.items()):
        missing = sorted(disabled & set(module.depends)) if module else []
        if missing:
            raise DeclarationError(
                f"disabled_modules: {missing[0]} is needed by the module {name}, which is enabled on this host: "
                "disable that too"
            )
    _check_conflicts(modules, stays)
    return gone & enabled.keys()


def _check_conflicts(modules: Mapping[str, Module | None], stays: Iterable[str]) -> None:
    for name, module in sorted(modules.items()):
        other = next((each for each in (module.conflicts if module else ()) if each in stays), None)
        if other:
            raise DeclarationError(
                f"Apache module {name} excludes {other}, which is "
                + ("declared too" if other in modules else f"enabled on this host: put {other} into disabled_modules")
            )
