"""The accounts of a host: read from their files, changed by the programs of shadow.

Those programs take the locks that other programs respect, replace each file by a rename, keep the files with users,
groups, passwords and subordinate ids in step, and take over the lock of one that was killed. What they can't do in one
command is done in an order in which every moment is safe, so a run that dies is completed by the next.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.accounts import homes as accounts_home
from ansible.module_utils.strata.accounts import processes as accounts_processes
from ansible.module_utils.strata.accounts.declared import PRESENT, AccountsError, Declared
from ansible.module_utils.strata.accounts.homes import HomeError
from ansible.module_utils.strata.accounts.plan import Account, Actual, HostGroup, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Who Strata keeps on this host, so that those who are no longer declared are not forgotten.
RECORD = "/var/lib/strata/accounts"


def read() -> Actual:
    """Return the host's users and groups, and which of them are remembered."""
    shadow = {line[0]: line for line in _lines("/etc/shadow")}
    accounts = {}
    for name, _, uid, gid, comment, home, shell in _lines("/etc/passwd"):
        _, password, *_, expires, _ = shadow.get(name, ["", None, "", ""])
        accounts[name] = Account(name, int(uid), int(gid), comment, home, shell, password, expires or "")
    shadowed = {line[0] for line in _lines("/etc/gshadow")}
    groups = {
        name: HostGroup(int(gid), frozenset(filter(None, members.split(","))), name in shadowed)
        for name, _, gid, members in _lines("/etc/group")
    }
    return Actual(accounts, groups, recorded=_recorded())


def look(declared: Declared, actual: Actual) -> Actual:
    """Return what is known of the host, and in addition all that concerns the declared users and groups."""
    accounts, groups, homes, processes = {**actual.accounts}, {**actual.groups}, {}, {}
    for user in declared.users.values():
        account = accounts.get(user.name)
        if user.state == PRESENT:
            for find, key in ((pwd.getpwnam, user.name), (pwd.getpwuid, user.uid)):
                _ask(find, key, accounts)
            homes[user.name] = accounts_home.look(user.home, user.uid)
        elif account:
            homes[user.name] = accounts_home.look(account.home, account.uid)
        if account and (user.state != PRESENT or user.home != account.home):
            processes[user.name] = len(accounts_processes.find(account.uid))
    for group in declared.groups.values():
        for find, key in ((grp.getgrnam, group.name), (grp.getgrgid, group.gid)):
            _ask(find, key, groups)
    shells = {user.shell for user in declared.users.values()}
    missing = frozenset(shell for shell in shells if not os.access(shell, os.X_OK))
    return replace(actual, accounts=accounts, groups=groups, homes=homes, processes=processes, no_shells=missing)


def memory(record: Mapping[str, bool]) -> list[files.Change]:
    """Return what has to change in the file that remembers users; it is there if there is somebody to remember."""
    text = json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"
    return files.plan({RECORD: files.File(text, 0o600) if record else None})


def remember(record: Mapping[str, bool]) -> None:
    """Remember these users, and no others."""
    files.apply(memory(record))


def carry_out(steps: Iterable[Step], run: Callable[..., tuple[int, str, str]]) -> list[str]:
    """Carry out the steps, those of other users too when one of a user fails; return what failed."""
    failed: set[str] = set()
    said = []
    for step in steps:
        if step.user in failed and not step.urgent:
            continue
        try:
            do(step, run)
        except AccountsError as error:
            said.append(str(error))
            if step.user:
                failed.add(step.user)
    return said


def do(step: Step, run: Callable[..., tuple[int, str, str]]) -> None:
    """Carry out a step.

    Raises:
        AccountsError: it failed; the steps before it stay.

    """
    try:
        if step.call:
            step.call()
            return
        environment = {"LC_ALL": "C.UTF-8"}
        status, output, errors = run(list(step.command), data=step.data, binary_data=True, environ_update=environment)
    except (HomeError, OSError) as error:
        raise AccountsError(f"{step.what}: {error}") from error
    if status:
        said = " ".join((errors or output).split())
        raise AccountsError(f"{step.what}: {step.command[0]} ends with status {status}: {said}")


def _ask(find: Callable[..., object], key: str | int, known: dict[str, Account] | dict[str, HostGroup]) -> None:
    """Add what the files don't have but a directory service knows."""
    try:
        entry = find(key)
    except KeyError:
        return
    if isinstance(entry, pwd.struct_passwd):
        name, _, *rest = entry
        known.setdefault(name, Account(name, *rest, local=False))
    elif isinstance(entry, grp.struct_group):
        known.setdefault(entry.gr_name, HostGroup(entry.gr_gid, frozenset(entry.gr_mem)))


def _lines(path: str) -> list[list[str]]:
    """Return the fields of each line of a file such as passwd(5); what services or persons added oddly is left out."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":") for line in file]
    except FileNotFoundError:
        return []
    count = {"passwd": 7, "shadow": 9}.get(os.path.basename(path), 4)
    return [line for line in lines if len(line) == count]


def _recorded() -> dict[str, bool]:
    state = files.read(RECORD)
    if not isinstance(state, files.File):
        return {}
    try:
        return {str(name): bool(value) for name, value in json.loads(state.content).items()}
    except (ValueError, AttributeError):
        raise AccountsError(f"{RECORD} is damaged: remove it, and users that are not declared are forgotten") from None
