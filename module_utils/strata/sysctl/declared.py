"""Settings of the kernel as they are declared, and the file of them that is read at boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SWAPPED = str.maketrans("./", "/.")


@dataclass(frozen=True)
class Setting:
    """A setting as it is wanted; its name is a path below /proc/sys, its value's parts are separated by one blank."""

    name: str
    value: str
    optional: bool = False
    origin: str = ""

    def __str__(self) -> str:
        """Return the name as sysctl.conf has it, and who asked for it."""
        return f"{dotted(self.name)}{f' ({self.origin})' if self.origin else ''}"


def slashed(name: str) -> str:
    """Return the path below /proc/sys of a setting; the first separator of its name shows which form it has."""
    first = next((letter for letter in name if letter in "./"), "/")
    return name if first == "/" else name.translate(_SWAPPED)


def dotted(name: str) -> str:
    """Return the name of a setting from its path below /proc/sys."""
    return name.translate(_SWAPPED)


def settings(given: Iterable[Mapping[str, Any]]) -> list[Setting]:
    """Return the settings in order, each once.

    Raises:
        DeclarationError: two of them contradict each other.

    """
    found: dict[str, Setting] = {}
    for each in given:
        setting = Setting(slashed(each["name"]), " ".join(each["value"].split()), each["optional"], each["origin"])
        first = found.setdefault(setting.name, setting)
        if first.value != setting.value:
            raise DeclarationError(
                f"{first} is to be {first.value}, but {setting} wants {setting.value}: remove one of them"
            )
    return list(found.values())


def text(wanted: Iterable[Setting]) -> str:
    """Return the file that is read at boot."""
    lines = [f"{'-' if each.optional else ''}{dotted(each.name)} = {each.value}" for each in wanted]
    return "\n".join(["# Strata keeps this file.", *lines, ""])
