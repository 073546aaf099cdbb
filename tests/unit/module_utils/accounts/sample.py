"""Users as they are declared for a host, for tests."""

from __future__ import annotations

import base64
from typing import Any

from ansible.module_utils.strata.accounts.declared import Declared, check

BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"o" * 32).decode()
KEY = f"ssh-ed25519 {BLOB} alice"
HASH = f"$y$j9T${'s' * 22}${'h' * 43}"

USER = {
    "name": "alice",
    "uid": 2001,
    "state": "present",
    "comment": "Alice",
    "shell": "/bin/bash",
    "home": None,
    "home_mode": None,
    "create_home": True,
    "remove_home": False,
    "group": None,
    "groups": [],
    "keys": [],
    "origin": "accounts_users",
}
PARAMS: dict[str, Any] = {
    "known": [],
    "present": [],
    "admins": [],
    "admin_groups": ["sudo"],
    "passwords": {},
    "groups": [],
    "min_id": 2000,
}


def declare(*users: dict[str, Any], **params: Any) -> Declared:
    return check(PARAMS | {"users": [USER | user for user in users]} | params)
