"""The accounts of a host, as its files and directory services have them."""

from __future__ import annotations

import grp
import json
import os
import pwd
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.accounts import homes, jobs, processes
from ansible.module_utils.strata.accounts.declared import ABSENT, PRESENT
from ansible.module_utils.strata.accounts.homes import Home
from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.module_utils.strata.accounts.declared import Declared

_SHARED = "is left alone, as are all processes: they may be those of"
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Account:
    """A user of the host; `password` and `expires` as in shadow(5), None where it has no line."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    password: str | None = field(default=None, repr=False)
    expires: str = ""
    #: Whether it stands in /etc/passwd, and not in a directory service.
    local: bool = True


@dataclass(frozen=True)
class HostGroup:
    """A group of the host."""

    gid: int
    members: frozenset[str] = frozenset()
    shadowed: bool = True


@dataclass(frozen=True)
class Actual:
    """What the host has."""

    accounts: Mapping[str, Account]
    groups: Mapping[str, HostGroup]
    #: By name of the user: the home that is declared, for others the one of the account.
    homes: Mapping[str, Home] = field(default_factory=dict)
    #: Count of running processes of users that may not have any, or not while they are changed.
    processes: Mapping[str, int] = field(default_factory=dict)
    #: Paths of what the system would run for users who go.
    jobs: Mapping[str, list[str]] = field(default_factory=dict)
    #: Users that Strata keeps or kept, and whether it set their passwords.
    recorded: Mapping[str, bool] = field(default_factory=dict)
    #: Shells that are declared but not on the host.
    no_shells: frozenset[str] = frozenset()

    def same_uid(self, account: Account) -> list[str]:
        """Return the names of the other accounts that have a user's number."""
        return sorted(name for name, each in self.accounts.items() if each.uid == account.uid and name != account.name)

    def groups_of(self, account: Account) -> frozenset[str]:
        """Return the names of the supplementary groups of a user."""
        return frozenset(
            name for name, group in self.groups.items() if account.name in group.members and group.gid != account.gid
        )


def record_path() -> str:
    """Return the path of the file that remembers whom Strata keeps here, so that nobody undeclared is forgotten."""
    return f"{paths.STATE}/accounts"


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
    accounts, groups = {**actual.accounts}, {**actual.groups}
    at_home, running, left = {}, {}, {}
    for user in declared.users.values():
        account = accounts.get(user.name)
        others = [name for name in actual.same_uid(account) if name not in declared.users] if account else []
        if user.state == PRESENT:
            for each in (*_found(pwd.getpwnam, user.name), *_found(pwd.getpwuid, user.uid)):
                name, _, uid, gid, comment, home, shell = each
                accounts.setdefault(name, Account(name, uid, gid, comment, home, shell, local=False))
            at_home[user.name] = homes.look(user.home, user.uid)
        elif account and others:
            # Who was given root's uid has root's processes and files.
            at_home[user.name] = Home(obstacle=f"{_SHARED} {others[0]}, who has the uid {account.uid} as well")
        elif account:
            at_home[user.name] = homes.look(account.home, account.uid)
        if account and user.state == ABSENT:
            left[user.name] = jobs.find(user.name, None if others else account.uid)
        if account and not others and (user.state != PRESENT or user.home != account.home):
            running[user.name] = len(processes.find(account.uid))
    for group in declared.groups.values():
        for name, _, gid, members in (*_found(grp.getgrnam, group.name), *_found(grp.getgrgid, group.gid)):
            groups.setdefault(name, HostGroup(gid, frozenset(members)))
    shells = {user.shell for user in declared.users.values()}
    missing = frozenset(shell for shell in shells if not os.access(shell, os.X_OK))
    return replace(
        actual, accounts=accounts, groups=groups, homes=at_home, processes=running, jobs=left, no_shells=missing
    )


def _found(find: Callable[[Any], _Entry], key: str | int) -> list[_Entry]:
    """Return what the files or a directory service have, if they do."""
    try:
        return [find(key)]
    except KeyError:
        return []


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
    path = record_path()
    state = files.read(path)
    if not isinstance(state, files.File):
        return {}
    try:
        return {str(name): bool(value) for name, value in json.loads(state.content).items()}
    except (ValueError, AttributeError):
        raise StrataError(f"{path} is damaged: remove it, and users that are not declared are forgotten") from None
