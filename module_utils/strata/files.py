"""Files of a host as values: read what is there, plan the changes, apply them or undo them.

A path's state is a `File`, a `Link` or None (nothing there). A plan is a list of `Change`, each with the state before
and after, so that undoing a plan is applying its reverse and a diff is a matter of printing it.

A file takes its place by a rename, so that nobody ever sees half of it. A path that is a mount of its own, as
/etc/hostname is in a container, can't be taken so: such a file is written in place.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import grp
import os
import pwd
import shlex
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.paths import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class OwnerError(StrataError):
    """A user or group that a host does not have."""


@dataclass(frozen=True)
class File:
    """A regular file: content, permission bits and owners; `secret` content is never shown in a diff."""

    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    secret: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Link:
    """A symbolic link and what it points to, as written in it."""

    target: str


State = File | Link | None


@dataclass(frozen=True)
class Change:
    """What happens to one path."""

    path: str
    before: State
    after: State


def owner_id(what: str, name: str, *, check: bool) -> int:
    """Return the id of an owner ("user" or "group"), given by name or number.

    In check mode it is -1, which nothing has, for one that does not exist, as he may be yet to come.

    Raises:
        OwnerError: there is none of that name.

    """
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid if what == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        if check:
            return -1
        raise OwnerError(f"there is no {what} {name} on this host") from None


def read(path: str) -> State:
    """Return the state of `path`.

    Raises:
        IsADirectoryError: a folder (or anything else that is neither file nor link) is there.

    """
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(info.st_mode):
        return Link(os.readlink(path))
    if not stat.S_ISREG(info.st_mode):
        raise IsADirectoryError(f"{path} is neither a regular file nor a link: move it away")
    with open(path, "rb") as stream:
        return File(stream.read(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)


def plan(desired: Mapping[str, State], is_secret: Callable[[str], bool] = lambda _: False) -> list[Change]:
    """Compare the desired state of paths with the host and return the changes in the order of their paths.

    What goes comes last, and backwards: so a run that dies leaves no link in an `x-enabled` to a file of `x-available`
    that is gone, which nobody would know for ours any more.

    Args:
        desired: the state of each path.
        is_secret: tells of a path whether what stands there, old or new, is kept out of diffs.

    """
    changes = [Change(path, _masked(read(path), path, is_secret), after) for path, after in sorted(desired.items())]
    changes = [change for change in changes if change.before != change.after]
    gone = [change for change in changes if change.after is None]
    return [change for change in changes if change.after is not None] + gone[::-1]


def _masked(state: State, path: str, is_secret: Callable[[str], bool]) -> State:
    return replace(state, secret=True) if isinstance(state, File) and is_secret(path) else state


def apply(changes: Iterable[Change]) -> None:
    """Bring each path to its `after` state, each atomically; missing parent folders are made (0755)."""
    for change in changes:
        if change.after is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(change.path)
            continue
        os.makedirs(os.path.dirname(change.path), exist_ok=True)
        if isinstance(change.after, Link):
            _replace_link(change.path, change.after)
        else:
            _replace_file(change.path, change.after)


def undo(changes: Iterable[Change]) -> None:
    """Bring each path back to its `before` state, last change first."""
    apply(Change(change.path, change.after, change.before) for change in reversed(list(changes)))


def undoing(changes: Iterable[Change]) -> str:
    """Return the shell commands that do what `undo` does; each sets `status` to 1 when it fails."""
    return "".join(f"{_restoring(change.path, change.before)} || status=1\n" for change in reversed(list(changes)))


def _restoring(path: str, state: State) -> str:
    if state is None:
        return f"rm -f -- {shlex.quote(path)}"
    new = shlex.quote(_temporary(path))
    if isinstance(state, Link):
        make = f"ln -sfn -- {shlex.quote(state.target)} {new}"
    else:
        content = base64.b64encode(state.content).decode()
        make = f"echo {content} | base64 -d >{new} && chown {state.uid}:{state.gid} {new} && chmod {state.mode:o} {new}"
    place = shlex.quote(path)
    return f"{{ {make} && {{ mv -fT -- {new} {place} || {{ cat {new} >{place} && rm {new}; }}; }}; }}"


def diff(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Return the changes in the form of Ansible's `diff` result, secrets masked."""
    return [
        {
            "before_header": change.path,
            "after_header": change.path,
            "before": _show(change.before, change.after),
            "after": _show(change.after, change.before),
        }
        for change in changes
    ]


def _show(state: State, other: State) -> str:
    if state is None:
        return ""
    if isinstance(state, Link):
        return f"link to {state.target}\n"
    text = ""
    if not isinstance(other, File) or (state.mode, state.uid, state.gid) != (other.mode, other.uid, other.gid):
        text = f"# mode {state.mode:04o}, owner {state.uid}, group {state.gid}\n"
    if state.secret or (isinstance(other, File) and other.secret):
        return text + f"(secret content, {len(state.content)} bytes)\n"
    return text + state.content.decode("utf-8", "backslashreplace")


def _temporary(path: str) -> str:
    """Return the temporary path for a new `path`, always the same: what a killed run left there goes away with it."""
    folder, name = os.path.split(path)
    return f"{folder}/{TEMPORARY}{name}.new"


def _make_way(path: str) -> str:
    temporary = _temporary(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    return temporary


def _replace_link(path: str, link: Link) -> None:
    temporary = _make_way(path)
    os.symlink(link.target, temporary)
    os.replace(temporary, path)


def _replace_file(path: str, new: File) -> None:
    folder, temporary = os.path.dirname(path), _make_way(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(new.content)
            os.fchown(descriptor, new.uid, new.gid)
            os.fchmod(descriptor, new.mode)
            stream.flush()
            os.fsync(descriptor)
        try:
            os.replace(temporary, path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            _write_in_place(path, new)
            os.unlink(temporary)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    folder_descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)


def _write_in_place(path: str, new: File) -> None:
    with open(path, "r+b") as stream:
        os.fchown(stream.fileno(), new.uid, new.gid)
        os.fchmod(stream.fileno(), new.mode)
        stream.write(new.content)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())
