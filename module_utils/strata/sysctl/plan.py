"""What is to be changed in the running kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.sysctl.declared import Setting
    from ansible.module_utils.strata.sysctl.host import Actual


@dataclass(frozen=True)
class Change:
    """What happens to a setting of the running kernel."""

    setting: Setting
    before: str


def plan(settings: Iterable[Setting], actual: Mapping[str, Actual]) -> list[Change]:
    """Compare settings with the running kernel.

    Raises:
        StrataError: one is not known, or can't be set on this host.

    """
    changes = []
    for setting in settings:
        there = actual[setting.name]
        if there.value is None:
            if setting.optional:
                continue
            raise StrataError(f"{setting}: the kernel of this host has no {there.unknown}")
        if there.value == setting.value:
            continue
        if not there.writable:
            raise StrataError(
                f"{setting} is {there.value} and can't be set here, as in a container: set it on the machine below"
            )
        changes.append(Change(setting, there.value))
    return changes
