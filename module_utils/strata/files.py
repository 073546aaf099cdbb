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
import shutil
import stat
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from ansible.module_utils.strata import folders
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.paths import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


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
        LinkError: others than root could say what is there.

    """
    try:
        with folders.holding(path) as (folder, name):
            return state(name, folder)
    except (FileNotFoundError, NotADirectoryError):
        return None


def state(name: str, folder: int) -> State:
    """Return the state of what has a name in an open folder. Raises IsADirectoryError."""
    found = folders.mode(name, folder)
    if not found:
        return None
    if stat.S_ISLNK(found):
        return Link(os.readlink(name, dir_fd=folder))
    if stat.S_ISREG(found):
        with open(os.open(name, folders.READ, dir_fd=folder), "rb") as stream:
            info = os.fstat(stream.fileno())
            if stat.S_ISREG(info.st_mode):
                return File(stream.read(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    raise IsADirectoryError(f"{folders.where(name, folder)} is neither a regular file nor a link: move it away")


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
        _apply(change.path, change.after)


def _apply(path: str, wanted: State) -> None:
    try:
        with folders.holding(path, create=wanted is not None) as (folder, name):
            put(name, folder, wanted)
    except FileNotFoundError:
        if wanted is not None:
            raise


def put(name: str, folder: int, wanted: State) -> None:
    """Bring what has a name in an open folder to a state, atomically, and on the disk."""
    if isinstance(wanted, File):
        with replacing(name, folder, wanted.mode, wanted.uid, wanted.gid) as stream:
            stream.write(wanted.content)
        return
    if wanted is None:
        os.unlink(name, dir_fd=folder)
    else:
        temporary = _temporary(name)
        folders.clear(temporary, folder)
        os.symlink(wanted.target, temporary, dir_fd=folder)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


@contextlib.contextmanager
def replacing(name: str, folder: int, mode: int, uid: int, gid: int) -> Iterator[IO[bytes]]:
    """Give a new file, for us alone, that takes a name in an open folder when all is written and on the disk."""
    temporary = _temporary(name)
    folders.clear(temporary, folder)
    try:
        with open(os.open(temporary, folders.NEW, 0o600, dir_fd=folder), "wb") as stream:
            yield stream
            _finish(stream, mode, uid, gid)
        try:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            with (
                open(os.open(temporary, folders.READ, dir_fd=folder), "rb") as new,
                open(os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=folder), "wb") as stream,
            ):
                shutil.copyfileobj(new, stream)
                stream.truncate()
                _finish(stream, mode, uid, gid)
            os.unlink(temporary, dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _finish(stream: IO[bytes], mode: int, uid: int, gid: int) -> None:
    """Give a written file its owners and mode, in that order, as it drops the set-id bits; put it on the disk."""
    stream.flush()
    os.fchown(stream.fileno(), uid, gid)
    os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def undo(changes: Iterable[Change]) -> list[str]:
    """Bring each path back to its `before` state, last change first; return what could not be, a sentence each.

    What is as before is not touched, and what is refused holds up nothing else. It is tried once more after that: what
    was new has made room on a full disk.
    """
    lost: list[str] = []
    todo = list(changes)[::-1]
    for _ in range(2):
        lost, failed = [], []
        for change in todo:
            try:
                if read(change.path) != change.before:
                    _apply(change.path, change.before)
            except OSError as error:
                lost.append(f"{change.path}: {error.strerror or error}")
                failed.append(change)
        todo = failed
    return lost


def undoing(changes: Iterable[Change]) -> str:
    """Return the shell commands that do what `undo` does; each sets `status` to 1 when it fails."""
    return "".join(f"({_restoring(change.path, change.before)}) || status=1\n" for change in reversed(list(changes)))


def _restoring(path: str, wanted: State) -> str:
    folder, name = os.path.split(path)
    place, new = f"./{shlex.quote(name)}", f"./{shlex.quote(_temporary(name))}"
    # The working folder stays the one that it is, and it is the one that it was.
    there = f'[ "$(pwd -P)" = {shlex.quote(os.path.realpath(folder))} ]'
    enter = f"cd -P -- {shlex.quote(folder)}"
    if wanted is None:
        return f"{enter} 2>/dev/null || exit 0; {there} && rm -f {place}"
    if isinstance(wanted, Link):
        make = f"ln -s -- {shlex.quote(wanted.target)} {new}"
    else:
        content = base64.b64encode(wanted.content).decode()
        make = f"set -C && echo {content} | base64 -d >{new} && set +C"
        make += f" && chown {wanted.uid}:{wanted.gid} {new} && chmod {wanted.mode:o} {new}"
    instead = f"{{ [ ! -h {place} ] && cat {new} >{place} && rm {new}; }}"
    return f"{enter} && {there} && rm -rf {new} && {make} && {{ mv -fT {new} {place} || {instead}; }}"


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


def _temporary(name: str) -> str:
    """Return the temporary name for what is new, always the same: what a killed run left there goes away with it."""
    return f"{TEMPORARY}{name}.new"
