"""Ansible module `host_accounts`: the users and groups of a host, with their homes, keys and passwords."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.accounts import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: host_accounts
short_description: The users and groups of a host, with their homes, keys and passwords
description:
  - Keeps declared groups and users, the keys that they log in with, and root's keys, in one call.
  - Everything is checked before anything changes. What is declared contradictory or unsafe, or what another account of
    the host has already, is refused. A failure on the way ends what is done for that user and not for others, and the
    run with all messages; the next run goes on from there.
  - A home that cannot be read, as with a dead mount in it or a server that does not trust root, is left alone. All else
    is done, and for those who leave all that keeps them out; then the run fails with its name, or only warns of it if
    nothing was to be done in it.
  - Users that are not declared are left alone, but those that this module once kept are named, or disabled.
options:
  users:
    description: The users that have an account on the host, and all that left.
    type: list
    elements: dict
    default: []
    suboptions:
      name: &name
        description: Name.
        type: str
        required: true
      uid: &uid
        description: Number, the same on all hosts. An account that has another one is refused, never renumbered.
        type: int
        required: true
      state:
        description:
          - A V(disabled) user is locked, has expired, has no shell, no keys and no further groups, and keeps the home.
          - An V(absent) user is removed, with crontab and jobs of C(at). Neither is made on a host that does not have
            the account.
        type: str
        choices: [present, disabled, absent]
        default: present
      comment:
        description: The person's name, or what the account is for.
        type: str
        default: ""
      shell:
        description: Shell.
        type: str
        default: /bin/bash
      home:
        description:
          - Home. Default is the name below C(/home). A home that changes is not moved, and while the user runs
            processes it is refused.
        type: str
      home_mode:
        description: Mode of the home, octal and in quotes. Without it a new home gets 0700, and is left as it is later.
        type: str
      create_home:
        description: Whether a missing home is made, from C(/etc/skel).
        type: bool
        default: true
      remove_home:
        description: Whether the home of an absent user is removed.
        type: bool
        default: false
      group:
        description: Name of the primary group. Default is a group of the user's own, with the same name and number.
        type: str
      groups:
        description: Names of all further groups.
        type: list
        elements: str
        default: []
      keys:
        description: Lines of authorized_keys, options included. All others are removed.
        type: list
        elements: str
        default: []
      origin:
        description: The variable that declares the user, for messages.
        type: str
        default: users
  known:
    description: Names and numbers of all people, of whom O(users) are those that concern this host.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      uid: *uid
  present:
    description: Names, each with its origin, that are chosen for this host, and must be known.
    type: list
    elements: dict
    default: []
    suboptions:
      value: &value
        description: Name of a user.
        type: str
        required: true
      origin:
        description: The variable that names the user, for messages.
        type: str
        default: present
  admins:
    description: Names, each with its origin, of users who are in O(admin_groups) too.
    type: list
    elements: dict
    default: []
    suboptions:
      value: *value
      origin:
        description: The variable that names the user, for messages.
        type: str
        default: admins
  admin_groups:
    description: Names of groups that admins are in.
    type: list
    elements: str
    default: []
  passwords:
    description:
      - Hashes of passwords, by name of the user. A user whose hash is no longer given has no password any more.
      - One that never was given is the user's own business.
    type: dict
    default: {}
  groups:
    description: Groups.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      gid:
        description: Number, the same on all hosts.
        type: int
        required: true
      origin:
        description: The variable that declares the group, for messages.
        type: str
        default: groups
  root_keys:
    description: Lines of root's authorized_keys. Without it they are not touched.
    type: list
    elements: str
  replace_root_keys:
    description: Whether O(root_keys) may have none of the keys that root has now.
    type: bool
    default: false
  end_processes:
    description: Whether the processes of disabled and absent users are ended.
    type: bool
    default: true
  purge:
    description: Whether users are disabled that this module kept, and that are no longer declared.
    type: bool
    default: false
  min_id:
    description: The lowest number that a user or group may have.
    type: int
    default: 2000
attributes:
  check_mode:
    support: full
    description: A group or a shell that is not there yet counts as one that an earlier task brings.
  diff_mode:
    support: full
    description: Passwords are not shown.
author: Strata contributors
"""

EXAMPLES = r"""
- name: Configure the accounts
  host_accounts:
    users:
      - name: alice
        uid: 2001
        groups: [sudo]
        keys: ["restrict,pty,from=\"192.0.2.0/24\" ssh-ed25519 AAAA... alice@example.org"]
      - name: bob
        uid: 2002
        state: disabled
    groups:
      - name: web
        gid: 3000
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [user alice, home /home/alice, keys of alice]
undeclared:
  description: Users that the module kept on this host, and that are no longer declared.
  type: list
  elements: str
  returned: success
"""

_NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
_NAME = {"type": "str", "required": True}
_NUMBER = {"type": "int", "required": True}
_USER = {
    "name": _NAME,
    "uid": _NUMBER,
    "state": {"type": "str", "choices": ["present", "disabled", "absent"], "default": "present"},
    "comment": {"type": "str", "default": ""},
    "shell": {"type": "str", "default": "/bin/bash"},
    "home": {"type": "str"},
    "home_mode": {"type": "str"},
    "create_home": {"type": "bool", "default": True},
    "remove_home": {"type": "bool", "default": False},
    "group": {"type": "str"},
    "groups": _NAMES,
    "keys": {**_NAMES, "no_log": False},
    "origin": {"type": "str", "default": "users"},
}
_KNOWN = {"name": _NAME, "uid": _NUMBER}
_PRESENT = {"value": _NAME, "origin": {"type": "str", "default": "present"}}
_ADMIN = {"value": _NAME, "origin": {"type": "str", "default": "admins"}}
_GROUP = {"name": _NAME, "gid": _NUMBER, "origin": {"type": "str", "default": "groups"}}
_DICTS: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "users": {**_DICTS, "options": _USER},
    "known": {**_DICTS, "options": _KNOWN},
    "present": {**_DICTS, "options": _PRESENT},
    "admins": {**_DICTS, "options": _ADMIN},
    "admin_groups": _NAMES,
    "passwords": {"type": "dict", "default": {}, "no_log": True},
    "groups": {**_DICTS, "options": _GROUP},
    "root_keys": {"type": "list", "elements": "str", "no_log": False},
    "replace_root_keys": {"type": "bool", "default": False, "no_log": False},
    "end_processes": {"type": "bool", "default": True},
    "purge": {"type": "bool", "default": False},
    "min_id": {"type": "int", "default": 2000},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end("accounts", run.converge)


if __name__ == "__main__":
    main()
