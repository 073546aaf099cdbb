"""Ansible module `sysctl_settings`: settings of the kernel, in force now and after each boot."""

from __future__ import annotations

import contextlib
import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import files, locks

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTATION = r"""
module: sysctl_settings
short_description: Settings of the kernel, in force now and after each boot
description:
  - Compares all settings with the running kernel and with the file that is read at boot, and puts both right in one
    call.
  - A setting that the kernel does not know, or does not take, fails the module, and all that it had changed is put
    back.
options:
  path:
    description: The file that is read at boot. It has these settings and no others.
    type: path
    required: true
  settings:
    description: The settings.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name, as in C(net.ipv4.ip_forward). In a name like C(net/ipv4/conf/eth0.100/forwarding) dots stay dots.
        type: str
        required: true
      value:
        description: Value. Several numbers are separated by blanks.
        type: str
        required: true
      optional:
        description: Whether a kernel that does not know it, perhaps as a module of it is not loaded, is right as it is.
        type: bool
        default: false
      origin:
        description: Who asked for it, for messages.
        type: str
        default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: Strata contributors
"""

EXAMPLES = r"""
- name: Settle the kernel
  sysctl_settings:
    path: /etc/sysctl.d/99-zz-strata.conf
    settings:
      - {name: net.ipv4.ip_forward, value: "1"}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [/etc/sysctl.d/99-zz-strata.conf, net.ipv4.ip_forward]
"""

KERNEL = "/proc/sys"


class SettingError(Exception):
    """The settings cannot be brought into force; the text is one sentence for the user."""


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


@dataclass(frozen=True)
class Change:
    """What happens to a setting of the running kernel."""

    setting: Setting
    before: str


def slashed(name: str) -> str:
    """Return the path below /proc/sys of a setting; the first separator of its name tells which form it has."""
    first = next((letter for letter in name if letter in "./"), "/")
    return name if first == "/" else name.translate(str.maketrans("./", "/."))


def dotted(name: str) -> str:
    """Return the name of a setting from its path below /proc/sys."""
    return name.translate(str.maketrans("./", "/."))


def wanted(given: Iterable[dict[str, Any]]) -> list[Setting]:
    """Return the settings in order, each once.

    Raises:
        SettingError: two of them contradict each other.

    """
    found: dict[str, Setting] = {}
    for each in given:
        setting = Setting(slashed(each["name"]), " ".join(each["value"].split()), each["optional"], each["origin"])
        first = found.setdefault(setting.name, setting)
        if first.value != setting.value:
            raise SettingError(
                f"{first} is to be {first.value}, but {setting} wants {setting.value}: remove one of them"
            )
    return list(found.values())


def text(settings: Iterable[Setting]) -> str:
    """Return the file that is read at boot."""
    lines = [f"{'-' if each.optional else ''}{dotted(each.name)} = {each.value}" for each in settings]
    return "\n".join(["# Strata keeps this file.", *lines, ""])


def plan(settings: Iterable[Setting]) -> list[Change]:
    """Compare settings with the running kernel.

    Raises:
        SettingError: one is not known, or can't be set on this host.

    """
    found = []
    for setting in settings:
        path = os.path.join(KERNEL, setting.name)
        if not os.path.isfile(path):
            if setting.optional:
                continue
            raise SettingError(f"{setting}: the kernel of this host has no such setting{_nearest(setting.name)}")
        before = read(setting)
        if before == setting.value:
            continue
        if not os.access(path, os.W_OK):
            raise SettingError(
                f"{setting} is {before} and can't be set here, as in a container: set it on the machine below"
            )
        found.append(Change(setting, before))
    return found


def read(setting: Setting) -> str:
    """Return the value that the running kernel has.

    Raises:
        SettingError: it does not tell.

    """
    try:
        with open(os.path.join(KERNEL, setting.name), encoding="utf-8") as stream:
            return " ".join(stream.read().split())
    except OSError as error:
        raise SettingError(f"{setting} can't be read: {error.strerror}") from error


def write(setting: Setting, value: str) -> None:
    """Give the running kernel a value.

    Raises:
        SettingError: it does not take it.

    """
    try:
        with open(os.path.join(KERNEL, setting.name), "w", encoding="utf-8") as stream:
            stream.write(f"{value}\n")
    except OSError as error:
        raise SettingError(f"{setting}: the kernel does not take {value}: {error.strerror}") from error


def apply(settings: Iterable[Setting], changes: list[Change], file: list[files.Change]) -> None:
    """Bring all into force.

    Raises:
        SettingError: one setting is refused, or changed by another; what was there is back.

    """
    done: list[Change] = []
    try:
        for change in changes:
            done.append(change)
            write(change.setting, change.setting.value)
        verify(settings)
        files.apply(file)
    except (SettingError, OSError) as error:
        for change in reversed(done):
            with contextlib.suppress(SettingError):
                write(change.setting, change.before)
        raise SettingError(f"{error}; nothing is changed") from error


def verify(settings: Iterable[Setting]) -> None:
    """Check that the running kernel has all values, once all are set.

    Raises:
        SettingError: it has another one, as some change others.

    """
    for setting in settings:
        if os.path.isfile(os.path.join(KERNEL, setting.name)) and (now := read(setting)) != setting.value:
            raise SettingError(f"{setting} was set to {setting.value}, but the kernel has {now}")


def _nearest(name: str) -> str:
    """Return a hint at a name that the kernel knows, in the deepest folder of `name` that there is."""
    folder, rest = KERNEL, name.split("/")
    while len(rest) > 1 and os.path.isdir(os.path.join(folder, rest[0])):
        folder = os.path.join(folder, rest.pop(0))
    matches = difflib.get_close_matches(rest[0], os.listdir(folder), n=1)
    return f": did you mean {dotted(os.path.relpath(os.path.join(folder, matches[0]), KERNEL))}?" if matches else ""


def converge(given: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Plan and apply; return the module's result.

    Raises:
        SettingError: it cannot be done; what was there is back.

    """
    settings = wanted(given["settings"])
    changes = plan(settings)
    file = files.plan({given["path"]: files.File(text(settings).encode())})
    if not check_mode:
        apply(settings, changes, file)
    names = [dotted(change.setting.name) for change in changes]
    diff = [
        {"before_header": name, "after_header": name, "before": f"{each.before}\n", "after": f"{each.setting.value}\n"}
        for name, each in zip(names, changes, strict=True)
    ]
    done = [change.path for change in file] + names
    return {"changed": bool(done), "changes": done, "diff": files.diff(file) + diff}


def main() -> None:
    """Run the module."""
    setting = {
        "name": {"type": "str", "required": True},
        "value": {"type": "str", "required": True},
        "optional": {"type": "bool", "default": False},
        "origin": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "settings": {"type": "list", "elements": "dict", "default": [], "options": setting},
        },
        supports_check_mode=True,
    )
    try:
        with locks.exclusive("sysctl", check_mode=module.check_mode):
            result = converge(module.params, check_mode=module.check_mode)
    except (SettingError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
