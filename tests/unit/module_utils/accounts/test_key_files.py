"""Each state of a user with each file in which keys may stand: what stays is what is declared."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.accounts import homes, plan
from ansible.module_utils.strata.accounts.declared import Declared, Group, User
from ansible.module_utils.strata.accounts.host import Account, Actual, HostGroup
from ansible.module_utils.strata.accounts.keys import authorized_keys

from .sample import KEY, OTHER

if TYPE_CHECKING:
    from pathlib import Path

UID = 54321
WANTED = authorized_keys([KEY])
DECLARED = {
    "with a key": {"state": "present", "keys": WANTED},
    "without keys": {"state": "present", "keys": None},
    "disabled": {"state": "disabled", "keys": None},
    "absent": {"state": "absent", "keys": None},
}
#: All files that sshd reads by default, and what may be there instead of one.
FILES = ("authorized_keys", "authorized_keys2")
THERE = ("nothing", "another key", "a link", "what is declared")

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="gives folders to users, which only root can")


def put(path: Path, what: str) -> None:
    """Put something where keys may stand."""
    if what == "a link":
        other = path.parent.parent / "other"
        other.write_text(f"{OTHER}\n")
        path.symlink_to(other)
    elif what != "nothing":
        path.write_bytes(WANTED if what == "what is declared" else f"{OTHER}\n".encode())
        path.chmod(0o600)
        os.chown(path, UID, UID)


@pytest.mark.parametrize("state", DECLARED)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(THERE, THERE)))
def test_only_declared_keys_let_somebody_in(state: str, first: str, second: str, tmp_path: Path) -> None:
    home = tmp_path / "home/alice"
    homes.make(str(home), UID, UID, 0o700)
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    os.chown(ssh, UID, UID)
    for name, what in zip(FILES, (first, second), strict=True):
        put(ssh / name, what)
    user = replace(User("alice", UID, "alice", "accounts_users", home=str(home)), **DECLARED[state])
    account = Account("alice", UID, UID, "", str(home), "/bin/bash", "*")
    actual = Actual(
        {"alice": account}, {"alice": HostGroup(UID)}, homes={"alice": homes.look(str(home), UID)}, recorded={}
    )
    for step in plan.plan(Declared({"alice": Group("alice", UID, "")}, {"alice": user}), actual, end_processes=True):
        if step.what == "keys of alice":
            assert step.call
            step.call()
    found = {name: (ssh / name).read_bytes() for name in FILES if os.path.lexists(ssh / name)}
    assert found == ({"authorized_keys": WANTED} if state == "with a key" else {})
