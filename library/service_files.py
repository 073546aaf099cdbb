"""Ansible module `service_files`: the files of one service, and its units in the state that fits them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.quiet import QuietModule
from ansible.module_utils.strata.service import run

DOCUMENTATION = r"""
module: service_files
short_description: The files of one service, and its units in the state that fits them
description:
  - Writes the files of a service, checks them, and starts, restarts or reloads its units, in one call.
  - Each file is checked before it is put in its place (O(files[].validate)), and all of them together after that
    (O(checks)). If a check, a command or a unit fails, or a unit does not listen at its ports, all is rolled back. The
    old files are in their places again, the units run with them, and the module fails with what the program said.
  - A unit whose process is older than its files is restarted, and what a killed run left undone (a check, a command, a
    reload) is done by the next. If a check then refuses the files of the killed run, those before them are restored.
  - What did not run or start at boot before a run that fails, does not after it.
options:
  name:
    description: Name of the service, under which the module remembers what it owes.
    type: str
    required: true
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the file is. Missing folders above it are made.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
      secret_content:
        description: The whole content, if it must be kept out of diffs and logs.
        type: str
      content_from:
        description: Command, run without a shell, that prints the whole content, from what only the host knows. Check
          mode runs it too, so it must change nothing.
        type: str
      link:
        description: What the path is a symbolic link to, instead of a file; it must be there.
        type: path
      ensure:
        description: Whether the file is there.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: Mode, octal and in quotes. By default C(0644), of a secret C(0600).
        type: str
      owner:
        description: Owner, name or number.
        type: str
        default: root
      group:
        description: Group, name or number.
        type: str
        default: root
      validate:
        description: Command, run without a shell, that accepts a copy of the file, C(%s), before it gets in its place.
        type: str
      former:
        description: Another path, to which the first run copies what is at O(files[].path), once and for good.
        type: path
      origin:
        description: The variable that asks for the file, for messages.
        type: str
      origins:
        description:
          - The variables that its lines come from, by the first word of a line, for messages. An indented line comes
            from where the last line comes from that is not.
        type: dict
        default: {}
  purge:
    description: Shell patterns of further files that are removed unless they are among O(files).
    type: list
    elements: str
    default: []
  checks:
    description: Commands, run without a shell, that must accept the files in their places.
    type: list
    elements: str
    default: []
  in_force:
    description:
      - Commands, run without a shell, that must find the files in force, whatever files of others say that the service
        reads as well. They only look.
      - They run after O(checks) and, other than those, in each run that changes no file, in check mode too.
    type: list
    elements: str
    default: []
  fatal_warnings:
    description:
      - Regular expressions for lines that a check or a command may write although it accepts the files, and that mean
        that something is not in force as it is declared. They are a failure. Without O(checks), they are looked for
        in what O(files[].validate) says, too.
      - Other lines that are warnings are shown as such.
    type: list
    elements: str
    default: []
  commands:
    description: Commands, run without a shell, that bring changed files into force, such as C(newaliases).
    type: list
    elements: str
    default: []
  live:
    description: State of the running system that a file only says for the next boot, such as the host's name.
    type: list
    elements: dict
    default: []
    suboptions:
      read:
        description: Command, run without a shell, that prints it.
        type: str
        required: true
      value:
        description: What it shall be.
        type: str
        required: true
      write:
        description: Command, run without a shell, that makes it C(%s).
        type: str
        required: true
  kept:
    description: What must be after a change as it was before it, such as names that resolve.
    type: list
    elements: dict
    default: []
    suboptions:
      read:
        description: Command, run without a shell, that prints a line for each such thing. If one that it prints before
          the first file is written is missing after the last step, all is rolled back.
        type: str
        required: true
      hint:
        description: What else to do, for the message.
        type: str
        required: true
  units:
    description: Units of systemd.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit, with its type, such as C(ssh.service).
        type: str
        required: true
      started:
        description: Whether it runs.
        type: bool
        default: true
      enabled:
        description: Whether it starts at boot. Default as O(units[].started).
        type: bool
      listens:
        description:
          - Ports, such as C(tcp:514) or C(udp:161), at which its processes listen while it runs, at any address.
          - They are waited for, up to 15 seconds, after the unit's steps; without them all is rolled back, and the
            module fails with the last lines that the unit wrote to the journal.
          - A unit that runs but does not listen is restarted, also when nothing else changes.
        type: list
        elements: str
        default: []
  on_change:
    description: What running units need when files changed.
    type: str
    choices: [restart, reload, none]
    default: restart
  rollback_delay:
    description:
      - For files that may lock the control side out, such as those of sshd. After so many seconds, 5 to 3600, the host
        rolls them back by itself, and their units with them, unless the control side has confirmed the new ones over a
        new SSH connection by then. It fails when it can't, as soon as the host answers again. 0 means no guard.
      - A reboot in that time rolls them back too, before the units start.
    type: int
    default: 0
  confirm:
    description: Whether files that are still to be confirmed are kept or rolled back. Given by the action plugin.
    type: bool
  change:
    description: Which change O(confirm) is about, as the module named it. Given by the action plugin.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: A unit or a user that is not there yet counts as one that an earlier task brings.
  diff_mode:
    support: full
author: Strata contributors
"""

EXAMPLES = r"""
- name: Configure the resolver
  service_files:
    name: unbound
    files:
      - path: /etc/unbound/unbound.conf.d/strata.conf
        content: "{{ lookup('ansible.builtin.template', 'strata.conf.j2') }}"
    checks: [unbound-checkconf]
    units:
      - name: unbound.service
        listens: [udp:53, tcp:53]
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [/etc/unbound/unbound.conf.d/strata.conf, "unbound.service: restart"]
"""


FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "content_from": {"type": "str"},
    "link": {"type": "path"},
    "ensure": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "validate": {"type": "str"},
    "former": {"type": "path"},
    "origin": {"type": "str"},
    "origins": {"type": "dict", "default": {}},
}
LIVE = {name: {"type": "str", "required": True} for name in ("read", "value", "write")}
KEPT = {name: {"type": "str", "required": True} for name in ("read", "hint")}
UNIT = {
    "name": {"type": "str", "required": True},
    "started": {"type": "bool", "default": True},
    "enabled": {"type": "bool"},
    "listens": {"type": "list", "elements": "str", "default": []},
}
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "purge": {"type": "list", "elements": "str", "default": []},
    "checks": {"type": "list", "elements": "str", "default": []},
    "in_force": {"type": "list", "elements": "str", "default": []},
    "fatal_warnings": {"type": "list", "elements": "str", "default": []},
    "commands": {"type": "list", "elements": "str", "default": []},
    "live": {"type": "list", "elements": "dict", "default": [], "options": LIVE},
    "kept": {"type": "list", "elements": "dict", "default": [], "options": KEPT},
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "on_change": {"type": "str", "choices": ["restart", "reload", "none"], "default": "restart"},
    "rollback_delay": {"type": "int", "default": 0},
    "confirm": {"type": "bool"},
    "change": {"type": "str", "default": ""},
}


def main() -> None:
    """Run the module."""
    module = QuietModule(ARGUMENTS)
    module.end(module.params["name"], run.converge)


if __name__ == "__main__":
    main()
