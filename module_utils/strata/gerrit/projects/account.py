"""The account that pushes: an administrator who can't sign in.

Gerrit makes an account only for somebody who has one, and the first by signing in, which depends on the type of
authentication. So this one is written to All-Users as Gerrit does it (NoteDb): its number, account.config, membership,
and last its name, without which it is nobody's.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING

from ansible.module_utils.strata.gerrit.projects.declared import ProjectsError
from ansible.module_utils.strata.gerrit.projects.site import attempt, commit, unlock, write_commits
from ansible.module_utils.strata.gerrit.projects.ssh import RefusedError

if TYPE_CHECKING:
    from ansible.module_utils.strata.gerrit.projects.site import Site
    from ansible.module_utils.strata.gerrit.projects.ssh import Gerrit

#: Others are not the same to all of git, Gerrit and a mail address.
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")

FIRST = 1000000
NUMBER, NAMES = "refs/sequences/accounts", "refs/meta/external-ids"
FLUSH = ("gerrit", "flush-caches")
PATIENCE = 60


def ensure(gerrit: Gerrit, group: str, groups: dict[str, str]) -> set[str]:
    """See to it that the account is there and in `group`, the administrators'; return the names of all its groups.

    Raises:
        ProjectsError: it is somebody else's.

    """
    member = _memberships(gerrit)
    if member is not None and group in member:
        return member
    if group not in groups:
        raise ProjectsError(f"Gerrit has no group {group}: say in admin_group which one has its administrators")
    if member is None:
        _make(gerrit.site, gerrit.account, groups[group])
    # Gerrit knows who is in a group by its index, which it makes of what it remembers of groups.
    gerrit.ask(*FLUSH, *(word for cache in ("accounts", "groups_byuuid") for word in ("--cache", cache)))
    gerrit.ask("gerrit", "index", "start", "groups", "--force")
    deadline = time.monotonic() + PATIENCE
    while group not in (member := _memberships(gerrit) or set()):
        if time.monotonic() > deadline:
            raise ProjectsError(
                f"Gerrit's account {gerrit.account} is not in the group {group}: if it is Strata's, put it in, "
                "otherwise name another in account"
            )
        gerrit.ask(*FLUSH, "--cache", "groups_bymember")
        time.sleep(0.2)
    return member


def _memberships(gerrit: Gerrit) -> set[str] | None:
    """Return the groups of the account, None if there is no such account."""
    try:
        return set(gerrit.ask("gerrit", "ls-groups", "--user", gerrit.account).splitlines())
    except RefusedError as error:
        if "not found" in str(error):
            return None
        raise


def _make(site: Site, account: str, group: str) -> None:
    if not NAME.fullmatch(account):
        raise ProjectsError(f"account: {account} can't be made: its name must be of small letters, digits, - and .")
    users = site.users_project
    members = f"refs/groups/{group[:2]}/{group}"
    unlock(site, users, (NUMBER, NAMES, members, "packed-refs"))
    number = _number(site)
    person = f"refs/users/{number % 100:02}/{number}"
    git = ["git", f"--git-dir={site.repository(users)}"]
    before = attempt([*git, "cat-file", "blob", f"{members}:members"]).stdout.decode().split()
    config = f"[account]\n\tfullName = Strata\n\tpreferredEmail = {account}@localhost\n"
    identity = f'[externalId "username:{account}"]\n\taccountId = {number}\n\temail = {account}@localhost\n'
    who = f"{account} <{account}@localhost>"
    start = [
        commit(person, who, "Create account", {"account.config": config}),
        commit(members, who, "Update group", {"members": "\n".join([*before, str(number)])}, f"{members}^0"),
    ]
    write_commits(site.repository(users), start)
    there = attempt([*git, "ls-tree", "-r", "--name-only", NAMES]).stdout.decode()
    name = _note(hashlib.sha1(f"username:{account}".encode()).hexdigest(), there.partition("\n")[0])  # noqa: S324
    named = commit(NAMES, who, "Create account", {name: identity}, f"{NAMES}^0" if there else None)
    write_commits(site.repository(users), [named])


def _number(site: Site) -> int:
    """Take the next number of an account."""
    users = site.users_project
    git = ["git", f"--git-dir={site.repository(users)}"]
    number = int(attempt([*git, "cat-file", "blob", NUMBER]).stdout or FIRST)
    old = attempt([*git, "rev-parse", "--verify", "--quiet", NUMBER]).stdout.decode().strip() or "0" * 40
    new = site.git(users, "hash-object", "-w", "--stdin", data=str(number + 1).encode()).decode().strip()
    site.git(users, "update-ref", NUMBER, new, old)
    return number


def _note(name: str, like: str) -> str:
    """Return the path of a note, in as many folders as another one is."""
    depth = like.count("/")
    return "/".join([*(name[2 * at : 2 * at + 2] for at in range(depth)), name[2 * depth :]])
