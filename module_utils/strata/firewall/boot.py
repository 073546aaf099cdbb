"""The files that bring the rules back at boot, by Debian's iptables-persistent."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.firewall.plan import NOTHING, transition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.strata.firewall.declared import Family
    from ansible.module_utils.strata.firewall.plan import Owned

DEFAULTS = "/etc/default/netfilter-persistent"
NOFLUSH = {"IPTABLES_RESTORE_NOFLUSH": "yes", "IP6TABLES_RESTORE_NOFLUSH": "yes"}


def with_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return the text of a file of shell assignments in which these settings hold; untouched where they do already."""
    lines = text.splitlines()
    for name, value in settings.items():
        if [line for line in lines if re.match(rf"\s*{name}=", line)] != [f"{name}={value}"]:
            lines = [*(line for line in lines if not re.match(rf"\s*{name}=", line)), f"{name}={value}"]
    return "".join(f"{line}\n" for line in lines)


def desired_files(chain: str, desired: Mapping[Family, Owned]) -> dict[str, files.State]:
    """Return the files that bring the rules back at boot."""
    result: dict[str, files.State] = {}
    for family, owned in desired.items():
        text = "# Strata keeps this file: only its own chain and the jump to it.\n" + transition(chain, NOTHING, owned)
        result[family.saved] = files.File(text.encode(), 0o640)
    path = os.path.realpath(DEFAULTS)
    present = files.read(path)
    defaults = present if isinstance(present, files.File) else files.File(b"")
    text = with_settings(defaults.content.decode("utf-8", "surrogateescape"), NOFLUSH)
    result[path] = dataclasses.replace(defaults, content=text.encode("utf-8", "surrogateescape"))
    return result
