"""Bringing vendor/roles/ to exactly what modules.lock says, and saying where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.vendored import tree
from strata.vendored.cache import MissingError
from strata.vendored.names import printable
from strata.vendored.resolve import resolve
from strata.vendored.roles import at_once
from strata.vendored.vendor import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from strata.vendored.lock import Pin
    from strata.vendored.roles import VendoredRoles


@dataclass
class Outcome:
    """What was done with each module, in sentences; `failed` has those that are as they were before."""

    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unchanged: int = 0


def sync(vendored: VendoredRoles, local: Mapping[str, Path], say: Callable[[str], None]) -> Outcome:
    """Bring vendor/roles/ to what is locked. What is right already is not touched, and no server is asked for it.

    Args:
        vendored: the checkout.
        local: working copies that take the place of modules, by their names.
        say: gets what there is to wait for.

    Raises:
        StrataError: modules.env or modules.lock can't be used, or vendor/ not be written.

    """
    outcome = Outcome()
    with vendored.exclusive(say):
        pins = vendored.agreed()
        try:
            _sync(vendored, pins, local, outcome)
            vendored.vendor.clean()
            clean(vendored.cache, {vendored.repository(pin).folder.name for pin in pins.values()})
        except OSError as error:
            raise StrataError(f"{error.filename or vendored.vendor.roles}: {error.strerror}") from None
    return outcome


def _sync(vendored: VendoredRoles, pins: Mapping[str, Pin], local: Mapping[str, Path], outcome: Outcome) -> None:
    for name in vendored.vendor.names():
        if name not in pins:
            kept = vendored.vendor.remove(name)
            outcome.done.append(f"{printable(name)} removed{_kept(kept)}")
    for name, folder in sorted(local.items()):
        if vendored.vendor.target(name) != str(folder):
            vendored.vendor.lead(name, folder)
        outcome.done.append(f"{name} is the working copy {folder}")
    stale = [pin for name, pin in pins.items() if name not in local and state(vendored, pin, marks=True)]
    outcome.unchanged = len(pins) - len(local) - len(stale)
    for pin, found in at_once(vendored.git, lambda pin: _bring(vendored, pin), stale):
        if isinstance(found, StrataError):
            there = pin.name in vendored.vendor.names()
            stays = f"; vendor/roles/{pin.name} stays as it was" if there else ""
            outcome.failed.append(f"{pin.name}: {found}{stays}")
        else:
            what, warnings = found
            outcome.done.append(f"{pin.name} {what}")
            outcome.warnings += [f"{pin.name}: {warning}" for warning in warnings]


def state(vendored: VendoredRoles, pin: Pin, *, marks: bool = False) -> list[str]:
    """Return where a module is not what is locked, [] if it is.

    Args:
        vendored: the checkout.
        pin: what is locked.
        marks: whether to take files whose times and sizes are those of then for unchanged.

    """
    installed = vendored.vendor.installed(pin.name)
    if installed is None:
        target = vendored.vendor.target(pin.name)
        if target is not None:
            return [f"is a link to {printable(target)}"]
        return ["is not a link to a tree of Strata's" if pin.name in vendored.vendor.names() else "is not there"]
    if installed.sha != pin.sha:
        return [f"is {installed.sha}, and {pin.sha} is locked"]
    return [printable(change) for change in installed.changes(marks=marks)]


def drift(
    vendored: VendoredRoles, say: Callable[[str], None], *, remote: bool = False, marks: bool = False
) -> list[str]:
    """Return where vendor/roles/ is not what is locked, in sentences.

    Args:
        vendored: the checkout.
        say: gets what there is to wait for.
        remote: whether to ask the repositories too if their refs are there, and their tags where they were.
        marks: as of `state`; else every file is read.

    Raises:
        StrataError: modules.env or modules.lock can't be used, or a file not be read.

    """
    pins = vendored.agreed()
    try:
        found = [f"{name}: {what}" for name, pin in pins.items() for what in state(vendored, pin, marks=marks)]
    except OSError as error:
        raise StrataError(f"{error.filename}: {error.strerror}") from None
    found += [
        f"{printable(name)}: is not a module of modules.env" for name in vendored.vendor.names() if name not in pins
    ]
    if remote:
        with vendored.exclusive(say):
            asked = at_once(vendored.git, lambda entry: resolve(vendored, entry), list(vendored.entries.values()))
        found += [f"{entry.name}: {answer}" for entry, answer in asked if isinstance(answer, StrataError)]
    return found


def _bring(vendored: VendoredRoles, pin: Pin) -> tuple[str, list[str]]:
    """Install a module; return what was done, and what was not followed."""
    vendor = vendored.vendor
    before = vendor.installed(pin.name)
    foreign = before is None and pin.name in vendor.names() and vendor.target(pin.name) is None
    warnings = _install(vendored, pin)
    if before is None:
        kept = "; the folder that was there is kept in vendor/.trees for a day" if foreign else ""
        return f"{pin.sha}{kept}", warnings
    if before.sha == pin.sha:
        return f"restored{_kept(before.holder)}", warnings
    return f"{before.sha[:12]}..{pin.sha[:12]}", warnings


def _kept(holder: Path | None) -> str:
    return f"; what was there is kept in vendor/.trees/{holder.name} for a day" if holder else ""


def _install(vendored: VendoredRoles, pin: Pin) -> list[str]:
    """Install a module from the cache, or else from its server; what is broken in the cache is fetched anew."""
    repository = vendored.repository(pin)

    def install() -> list[str]:
        with repository.objects(pin.sha) as objects:
            return vendored.vendor.install(pin, tree.load(objects, pin.sha), objects)

    for get in (None, repository.fetch, repository.renew):
        if get:
            get(pin)
        elif not repository.folder.exists():
            continue
        try:
            return install()
        except MissingError:
            continue
    # The server was asked, and has not got it: the ref may tell why.
    current = resolve(vendored, vendored.entries[pin.name])
    raise StrataError(f"{pin.url} has no commit {pin.sha}; {current.ref} is {current.sha} now: lock again")
