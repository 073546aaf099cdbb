"""Ansible module `sysctl_settings`: settings of the kernel, in force now and after each boot."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.quiet import QuietModule
from ansible.module_utils.strata.sysctl import run

DOCUMENTATION = r"""
module: sysctl_settings
short_description: Settings of the kernel, in force now and after each boot
description:
  - Compares all settings with the running kernel and with the file that is read at boot, and changes in both what
    differs, in one call.
  - A setting that the kernel does not know, or does not take, fails the module, and all that it had changed is rolled
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
- name: Configure the kernel
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

_SETTING = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "required": True},
    "optional": {"type": "bool", "default": False},
    "origin": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "settings": {"type": "list", "elements": "dict", "default": [], "options": _SETTING},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end("sysctl", run.converge)


if __name__ == "__main__":
    main()
