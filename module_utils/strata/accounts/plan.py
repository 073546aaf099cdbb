"""What is to be done so that a host's accounts become as declared: a plan as data, made without touching anything."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ansible.module_utils.strata.accounts import homes, jobs, processes
from ansible.module_utils.strata.accounts.declared import ABSENT, DISABLED, NOLOGIN, PRESENT, Declared, User
from ansible.module_utils.strata.accounts.homes import Home
from ansible.module_utils.strata.accounts.keys import blobs
from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ansible.module_utils.strata.accounts.host import Account, Actual

#: Password of an account that nobody can log in to by password; a leading ! would also mean that it is locked.
NO_PASSWORD = "*"  # noqa: S105
#: Days since 1970: the account has expired long ago.
LONG_AGO = "1"


@dataclass(frozen=True)
class Step:
    """One thing to do: a command with its input, or a call; `before` and `after` are for a person.

    A step of a `user` is left out when an earlier one of the same user failed, unless it is `urgent`.
    """

    what: str
    before: str = ""
    after: str = ""
    command: tuple[str, ...] = ()
    data: str = field(default="", repr=False)
    call: Callable[[], None] | None = None
    user: str = ""
    urgent: bool = False


def undeclared(declared: Declared, actual: Actual) -> list[str]:
    """Return the names of users that Strata kept, and that nobody declares any more."""
    return sorted(name for name in actual.recorded if name in actual.accounts and name not in declared.users)


def with_leavers(declared: Declared, actual: Actual) -> Declared:
    """Return what is declared, and the undeclared users as disabled ones."""
    leavers = {
        name: User(name, actual.accounts[name].uid, name, "accounts_purge", state=DISABLED)
        for name in undeclared(declared, actual)
    }
    return replace(declared, users={**declared.users, **leavers})


def record(declared: Declared, actual: Actual) -> dict[str, bool]:
    """Return what is to be remembered once the plan is carried out."""
    kept = {
        name: value
        for name, value in actual.recorded.items()
        if name in actual.accounts and (name not in declared.users or declared.users[name].state != ABSENT)
    }
    for user in declared.users.values():
        if user.state == PRESENT:
            kept[user.name] = user.password is not None
        elif user.state == DISABLED and user.name in actual.accounts:
            kept.setdefault(user.name, False)
    return dict(sorted(kept.items()))


def conflicts(declared: Declared, actual: Actual, *, end_processes: bool, check_mode: bool) -> list[str]:
    """Return why the plan must not be carried out, a line for each reason.

    In check mode, what is missing counts as brought by an earlier task.
    """
    found: list[str] = []
    for group in declared.groups.values():
        there = actual.groups.get(group.name)
        others = [name for name, each in actual.groups.items() if each.gid == group.gid and name != group.name]
        where = f"group {group.name} ({group.origin})"
        if there and there.gid != group.gid:
            found.append(f"{where}: its number on this host is {there.gid}, not {group.gid}: {_RENUMBER}")
        elif others:
            found.append(f"{where}: the number {group.gid} belongs to the group {others[0]} on this host: {_ANOTHER}")
    for user in declared.users.values():
        found += [f"{user.label}: {text}" for text in _user_conflicts(user, actual)]
        if not check_mode and user.state == PRESENT:
            found += [f"{user.label}: {text}" for text in _missing(user, declared, actual)]
        if user.state == ABSENT and actual.processes.get(user.name) and not end_processes:
            found.append(f"{user.label}: still runs processes: end them, or set accounts_end_processes")
    return found


_RENUMBER = "files belong to numbers, so declare that one, or change it by hand"
_ANOTHER = "declare another one"


def _user_conflicts(user: User, actual: Actual) -> Iterator[str]:
    account, home = actual.accounts.get(user.name), actual.homes.get(user.name, Home())
    if account and not account.local:
        yield "is an account of a directory service, not of /etc/passwd: declare another name"
    elif account and account.uid != user.uid:
        yield f"has the uid {account.uid} on this host, not {user.uid}: {_RENUMBER}, or declare another name"
    if user.state == ABSENT and user.remove_home and account and home.problem:
        yield f"the home {account.home} {home.problem}"
    if user.state != PRESENT:
        return
    others = [name for name, each in actual.accounts.items() if each.uid == user.uid and name != user.name]
    if others:
        yield f"the uid {user.uid} belongs to {others[0]} on this host: {_ANOTHER}"
    if home.problem and (user.create_home or user.keys):
        yield f"the home {user.home} {home.problem}"
    elif home.problem and home.strays:
        yield f"the home {user.home} {home.problem}; its {' and '.join(home.strays)} may let somebody in"
    if account and account.home != user.home and actual.processes.get(user.name):
        yield (
            f"runs processes, so the home cannot become {user.home} instead of {account.home}: end them, "
            f"or declare {account.home}"
        )


def out_of_reach(declared: Declared, actual: Actual) -> tuple[list[str], list[str]]:
    """Return what obstacles in homes leave undone, and what they only leave unknown, a line each."""
    undone: list[str] = []
    unknown: list[str] = []
    for user in declared.users.values():
        account, home = actual.accounts.get(user.name), actual.homes.get(user.name, Home())
        if not home.obstacle:
            continue
        if user.state == PRESENT:
            asked = bool(user.create_home or user.keys or user.home_mode is not None)
            text = f"{user.label}: the home {user.home} {home.obstacle}, so its keys and mode are left as they are"
            (undone if asked else unknown).append(text)
        elif account and user.state == DISABLED:
            unknown.append(
                f"{user.label}: is disabled, but keys may be left in the home {account.home}: it {home.obstacle}"
            )
        elif account and user.remove_home:
            undone.append(f"{user.label}: is disabled, not removed, as the home {account.home} {home.obstacle}")
    return undone, unknown


def _missing(user: User, declared: Declared, actual: Actual) -> Iterator[str]:
    for group in sorted({user.group, *user.groups} - {*declared.groups, *actual.groups}):
        yield f"there is no group {group} on this host: declare it in accounts_groups, or install what brings it"
    if user.shell in actual.no_shells:
        yield f"there is no shell {user.shell} on this host: install it"
    home = actual.homes[user.name]
    if user.keys and home.mode is None and not (home.barred or user.create_home):
        yield f"there is no home {user.home} on this host for the keys: let it be made by create_home"


def plan(declared: Declared, actual: Actual, *, end_processes: bool) -> list[Step]:
    """Return the steps to the declared state; none if it is reached."""
    steps = list(_repairs(declared, actual))
    for group in sorted(declared.groups.values(), key=lambda each: each.name):
        if group.name not in actual.groups:
            command = ("groupadd", "--gid", str(group.gid), group.name)
            steps.append(Step(f"group {group.name}", "", f"gid {group.gid}\n", command))
    for user in sorted(declared.users.values(), key=lambda each: each.name):
        account = actual.accounts.get(user.name)
        home = actual.homes.get(user.name, Home())
        taken: Iterable[Step] = ()
        if user.state == PRESENT:
            taken = _present(user, account, home, declared, actual)
        elif account:
            leaving = _disabled if user.state == DISABLED else _absent
            taken = leaving(user, account, home, actual, end_processes=end_processes)
        steps += [replace(step, user=user.name) for step in taken]
    return steps


def root_keys(wanted: bytes | None, path: str, home: Home, *, replace_all: bool) -> list[Step]:
    """Return the step, if any, to root's declared keys; None means that they are not declared.

    Raises:
        StrataError: whoever logs in as root now might be locked out.

    """
    if wanted is None or home.has(wanted):
        return []
    if home.barred:
        raise StrataError(f"root (accounts_root_keys): the home {path} {home.barred}")
    new, old = blobs(wanted), blobs(home.keys or b"")
    if not new and not replace_all:
        raise StrataError(
            "accounts_root_keys is empty, so root could not log in by a key any more: remove it (null) to leave root's "
            "keys alone, or set accounts_replace_root_keys if that is what you want"
        )
    if not new & old and (old or home.strays) and not replace_all:
        raise StrataError(
            "accounts_root_keys has none of the keys that root has on this host, so you might lock yourself out: "
            "declare one of those too until the new ones are tried, or set accounts_replace_root_keys"
        )
    return [_keys("root", path, 0, 0, home, wanted)]


def _repairs(declared: Declared, actual: Actual) -> Iterator[Step]:
    """Complete what a tool that was killed left without its line in a shadow file."""
    for user in declared.users.values():
        account = actual.accounts.get(user.name)
        if account and account.local and account.password is None:
            yield Step("lines of /etc/shadow", command=("pwconv",))
            break
    if any(group in actual.groups and not actual.groups[group].shadowed for group in declared.groups):
        yield Step("lines of /etc/gshadow", command=("grpconv",))


def _present(user: User, account: Account | None, home: Home, declared: Declared, actual: Actual) -> Iterator[Step]:
    group = declared.groups.get(user.group) or actual.groups.get(user.group)
    gid = group.gid if group else -1  # in check mode, an earlier task brings it
    groups = ",".join(sorted(user.groups - {user.group}))
    after = _show(user.uid, gid, groups, user.comment, user.home, user.shell, "")
    options = {"--comment": user.comment, "--home": user.home, "--shell": user.shell, "--groups": groups}
    if account is None:
        words = [word for option in options.items() if option[1] for word in option]
        new = ("useradd", "--no-create-home", "--no-user-group", "--uid", str(user.uid), "--gid", user.group)
        yield Step(f"user {user.name}", "", after, (*new, "--password", NO_PASSWORD, *words, user.name))
    else:
        now = ",".join(sorted(actual.groups_of(account)))
        pairs = [
            ("--comment", account.comment, user.comment),
            ("--home", account.home, user.home),
            ("--shell", account.shell, user.shell),
            ("--groups", now, groups),
            ("--expiredate", account.expires, ""),
        ]
        words = [word for option, old, new in pairs if old != new for word in (option, new)]
        words += ["--gid", user.group] if account.gid != gid else []
        if words:
            before = _show(account.uid, account.gid, now, account.comment, account.home, account.shell, account.expires)
            yield Step(f"user {user.name}", before, after, ("usermod", *words, user.name))
    if home.mode is None and user.create_home and not home.barred:
        mode = 0o700 if user.home_mode is None else user.home_mode
        make = partial(homes.make, user.home, user.uid, gid, mode)
        yield Step(f"home {user.home}", "", f"mode {mode:04o}\n", call=make)
    elif home.mode is not None and user.home_mode not in (None, home.mode):
        change = partial(homes.set_mode, user.home, user.uid, user.home_mode)
        yield Step(f"home {user.home}", f"mode {home.mode:04o}\n", f"mode {user.home_mode:04o}\n", call=change)
    yield from _password(user, account, actual)
    if not home.barred and not home.has(user.keys):
        yield _keys(user.name, user.home, user.uid, gid, home, user.keys)


def _password(user: User, account: Account | None, actual: Actual) -> Iterator[Step]:
    """Set the declared password; without one, end a lock, and withdraw one that had been declared."""
    now = account.password if account else NO_PASSWORD
    step = Step(f"password of {user.name}", "(not shown)\n", "(not shown, another one)\n")
    if user.password is not None:
        if now != user.password:
            yield replace(step, command=("chpasswd", "--encrypted"), data=f"{user.name}:{user.password}\n")
    elif now != NO_PASSWORD and (not now or now.startswith("!") or actual.recorded.get(user.name)):
        yield replace(step, after="none\n", command=("usermod", "--password", NO_PASSWORD, user.name))


def _disabled(user: User, account: Account, home: Home, actual: Actual, *, end_processes: bool) -> Iterator[Step]:
    words = [] if (account.password or "").startswith("!") else ["--lock"]
    words += ["--expiredate", LONG_AGO] if account.expires != LONG_AGO else []
    words += ["--shell", NOLOGIN] if account.shell != NOLOGIN else []
    groups = ",".join(sorted(actual.groups_of(account)))
    words += ["--groups", ""] if groups else []
    if words:
        rest = (account.comment, account.home)
        before = _show(account.uid, account.gid, groups, *rest, account.shell, account.expires)
        after = _show(account.uid, account.gid, "", *rest, NOLOGIN, LONG_AGO)
        yield Step(f"user {user.name} disabled", before, after, ("usermod", *words, user.name))
    if end_processes:
        yield from _end(user, account, actual)
    # In a home that is not the user's own are no keys of his; and sshd refuses an expired account anyway.
    if home.mode is not None and not home.has(None):
        yield replace(_keys(user.name, account.home, account.uid, account.gid, home, None), urgent=True)


def _absent(user: User, account: Account, home: Home, actual: Actual, *, end_processes: bool) -> Iterator[Step]:
    # First nobody can come in any more, whatever becomes of the rest.
    yield from _disabled(user, account, home, actual, end_processes=end_processes)
    if user.remove_home and home.obstacle:
        return
    if user.remove_home and home.mode is not None:
        remove = partial(homes.remove, account.home, account.uid)
        yield Step(f"home {account.home} removed", f"mode {home.mode:04o}\n", "", call=remove)
    if left := actual.jobs.get(user.name):
        paths = "".join(f"{path}\n" for path in left)
        yield Step(f"jobs of {user.name} removed", paths, "", call=partial(jobs.remove, left))
    groups = ",".join(sorted(actual.groups_of(account)))
    before = _show(account.uid, account.gid, groups, account.comment, account.home, account.shell, account.expires)
    yield Step(f"user {user.name} removed", before, "", ("userdel", user.name))


def _end(user: User, account: Account, actual: Actual) -> Iterator[Step]:
    if count := actual.processes.get(user.name):
        end = partial(processes.end, account.uid)
        yield Step(f"processes of {user.name}", f"{count}\n", "0\n", call=end, urgent=True)


def _keys(name: str, path: str, uid: int, gid: int, home: Home, keys: bytes | None) -> Step:
    before = "".join(f"({stray})\n" for stray in home.strays) + (home.keys or b"").decode("utf-8", "backslashreplace")
    write = partial(homes.write_keys, path, uid, gid, keys)
    return Step(f"keys of {name}", before, (keys or b"").decode(), call=write)


def _show(uid: int, gid: int, groups: str, comment: str, home: str, shell: str, expires: str) -> str:
    """Return an account as text for a diff."""
    lines = [f"uid {uid}", f"gid {gid}", f"groups {groups}", f"comment {comment}", f"home {home}", f"shell {shell}"]
    lines += [f"expired on day {expires}"] if expires else []
    return "".join(f"{line.rstrip()}\n" for line in lines)
