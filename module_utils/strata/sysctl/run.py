"""Brings the settings of the kernel into force, and rolls all of them back if one is refused."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.quiet import QuietModule, result
from ansible.module_utils.strata.sysctl import declared, host
from ansible.module_utils.strata.sysctl.declared import dotted
from ansible.module_utils.strata.sysctl.plan import Change, plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.strata.sysctl.declared import Setting


def converge(module: QuietModule) -> dict[str, Any]:
    """Plan and apply; return the module's result.

    Raises:
        StrataError: it cannot be done; what was there is back.

    """
    settings = declared.settings(module.params["settings"])
    changes = plan(settings, host.look(settings))
    file = files.plan({module.params["path"]: files.File(declared.text(settings).encode())})
    if not module.check_mode:
        apply(settings, changes, file)
    names = [dotted(change.setting.name) for change in changes]
    diff = [
        {"before_header": name, "after_header": name, "before": f"{each.before}\n", "after": f"{each.setting.value}\n"}
        for name, each in zip(names, changes, strict=True)
    ]
    return result([change.path for change in file] + names, files.diff(file) + diff)


def apply(settings: Iterable[Setting], changes: Iterable[Change], file: Iterable[files.Change]) -> None:
    """Bring all into force.

    Raises:
        StrataError: one setting is refused, or changed by another; what was there is back.

    """
    done: list[Change] = []
    try:
        for change in changes:
            done.append(change)
            write(change.setting, change.setting.value)
        verify(settings)
        files.apply(file)
    except (StrataError, OSError) as error:
        for change in reversed(done):
            with contextlib.suppress(StrataError):
                write(change.setting, change.before)
        raise StrataError(f"{error}; nothing is changed") from error


def write(setting: Setting, value: str) -> None:
    """Give the running kernel a value.

    Raises:
        StrataError: it does not take it.

    """
    try:
        with open(host.path(setting), "w", encoding="utf-8") as stream:
            stream.write(f"{value}\n")
    except OSError as error:
        raise StrataError(f"{setting}: the kernel does not take {value}: {error.strerror}") from error


def verify(settings: Iterable[Setting]) -> None:
    """Check that the running kernel has all values, once all are set.

    Raises:
        StrataError: it has another one, as some change others.

    """
    for setting in settings:
        now = host.look([setting])[setting.name].value
        if now not in (None, setting.value):
            raise StrataError(f"{setting} was set to {setting.value}, but the kernel has {now}")
