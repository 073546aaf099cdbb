"""Pins and settings of apt, as files of /etc/apt/preferences.d and /etc/apt/apt.conf.d."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apt import keys
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PINS = "/etc/apt/preferences.d"
CONF = "/etc/apt/apt.conf.d"
MARK = "// Managed by Strata: changes made here are overwritten\n"

_PIN = re.compile(r"(version|release|origin) +\S[^\n]*")
_SETTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*(::[A-Za-z0-9_./+-]+)*")


def pin_file(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return path and text of a pin.

    Raises:
        DeclarationError: apt would not understand it.

    """
    name = keys.checked_name(item)
    if not _PIN.fullmatch(item["pin"]):
        raise DeclarationError(
            f"the pin {name} ({item['origin']}) has {item['pin']!r} for pin: write `release ...`, `origin ...` or "
            f"`version ...`, as apt_preferences(5) says"
        )
    if item["priority"] == 0:
        raise DeclarationError(
            f"the pin {name} ({item['origin']}) has the priority 0, which apt refuses: below 0 keeps packages out"
        )
    for package in item["packages"]:
        if not package or re.search(r"\s", package):
            raise DeclarationError(
                f"the pin {name} ({item['origin']}) has {package!r} in packages, which must be one word"
            )
    text = f"Package: {' '.join(item['packages'])}\nPin: {item['pin']}\nPin-Priority: {item['priority']}\n"
    return f"{PINS}/{name}.pref", text


def conf_file(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return path and text of a fragment of apt.conf.

    A list takes the place of what earlier fragments say; a setting with an empty text is left out.

    Raises:
        DeclarationError: apt would not understand it.

    """
    name = keys.checked_name(item)
    if "." in name:
        raise DeclarationError(f"the fragment {name} ({item['origin']}) must have a name without points")
    lines = [MARK]
    for key, value in item["settings"].items():
        if not _SETTING.fullmatch(key):
            raise DeclarationError(
                f"the fragment {name} ({item['origin']}) has {key!r} in settings, which is not a setting of apt"
            )
        if isinstance(value, list):
            words = "".join(f' "{_word(each, key, item)}";' for each in value)
            lines.append(f"#clear {key};\n{key} {{{words} }};\n")
        elif value != "":
            lines.append(f'{key} "{_word(value, key, item)}";\n')
    return f"{CONF}/{name}", "".join(lines)


def _word(value: Any, key: str, item: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int)) or re.search(r'["\n]', str(value)):
        where = f"{key} of the fragment {item['name']} ({item['origin']})"
        raise DeclarationError(
            f"{where} must be a text without quotes and line breaks, a number, a boolean or a list of those"
        )
    if keys.SECRET.search(str(value)):
        raise DeclarationError(
            f"{key} of the fragment {item['name']} ({item['origin']}) has a password, and everybody can read it"
        )
    return str(value)
