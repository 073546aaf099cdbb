"""The settings of the running kernel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError, did_you_mean
from ansible.module_utils.strata.sysctl.declared import Setting, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable

KERNEL = "/proc/sys"


@dataclass(frozen=True)
class Actual:
    """What the kernel has of a setting: its value, None if it does not know it, and whether it can be set here."""

    value: str | None
    writable: bool = False
    #: Of a required one that it does not know, the part of the name where that begins, with a hint at the nearest.
    unknown: str = ""


def path(setting: Setting) -> str:
    """Return the file of a setting."""
    return os.path.join(KERNEL, setting.name)


def look(settings: Iterable[Setting]) -> dict[str, Actual]:
    """Return what the running kernel has of settings, by name.

    Raises:
        StrataError: one can't be read.

    """
    return {each.name: _look(each) for each in settings}


def _look(setting: Setting) -> Actual:
    if not os.path.isfile(path(setting)):
        return Actual(None, unknown="" if setting.optional else _unknown(setting.name))
    try:
        with open(path(setting), encoding="utf-8") as stream:
            return Actual(" ".join(stream.read().split()), os.access(path(setting), os.W_OK))
    except OSError as error:
        raise StrataError(f"{setting} can't be read: {error.strerror}") from error


def _unknown(name: str) -> str:
    """Return the first part of a name that the kernel does not have, where, and a hint at one that it has there."""
    folder, rest = KERNEL, name.split("/")
    while len(rest) > 1 and os.path.isdir(os.path.join(folder, rest[0])):
        folder = os.path.join(folder, rest.pop(0))
    where = "" if folder == KERNEL else f" in {dotted(os.path.relpath(folder, KERNEL))}"
    part = dotted(rest[0])
    return f"{part!r}{where}{did_you_mean(part, map(dotted, os.listdir(folder)))}"
