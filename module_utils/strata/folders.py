"""Open folders, through which root acts where others than root may change what a path leads to.

A path is looked up anew each time, so whoever owns a folder on it may swap that for a link in between, and lead root
anywhere. What is opened stays the same folder, and no link is followed that may be another one's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.paths import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that was put where a file had been must not hold us.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LINKS = 40  # as many as the kernel follows
#: Of folders that are made on the way, whatever the umask is.
MODE = 0o755

_WRITABLE_BY_OTHERS = 0o022
_WAY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LinkError(StrataError, OSError):
    """A link on the way to a folder, of a user who may not say where we act."""


@contextlib.contextmanager
def opened(path: str, start: str | int = "/", *, create: bool = False, links: bool = False) -> Iterator[int]:
    """Open the folder `path` below `start` component by component.

    Args:
        path: the folder; a leading slash means nothing.
        start: where the way begins, a path or an open folder.
        create: whether to make what is missing; that gets its mode whatever the umask is.
        links: whether to follow links, if they are root's or our own.

    Raises:
        LinkError: there is a link of somebody else.
        OSError: it is no folder, or cannot be opened.

    """
    current = os.open(start, _WAY) if isinstance(start, str) else os.dup(start)
    todo, followed = path.split("/")[::-1], 0
    try:
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            made = create and _make(name, current)
            try:
                below = os.open(name, FOLDER if made else _WAY, dir_fd=current)
            except NotADirectoryError:
                target = look(name, current)[1] if links else None
                followed += 1
                if target is None or followed > LINKS:
                    raise
                todo += target.split("/")[::-1]
                below = os.open("/" if target.startswith("/") else ".", _WAY, dir_fd=current)
            os.close(current)
            current = below
            if made:
                os.fchmod(current, MODE)
        folder = os.open(".", FOLDER, dir_fd=current)
        try:
            yield folder
        finally:
            os.close(folder)
    finally:
        os.close(current)


def _make(name: str, folder: int) -> bool:
    """Make a folder in an open one, for us alone; return whether it was not there."""
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def look(name: str, folder: int) -> tuple[os.stat_result, str | None]:
    """Return what a name in an open folder is, and its target if it is a link, both of one and the same inode.

    Raises:
        LinkError: it is a link of a user who may not say where we act.
        FileNotFoundError: nothing is there.

    """
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        info = os.fstat(found)
        if not stat.S_ISLNK(info.st_mode):
            return info, None
        if info.st_uid not in (0, os.geteuid()):
            raise LinkError(f"{where(name, folder)} is a link of user {info.st_uid}, and only root's are followed")
        return info, os.readlink("", dir_fd=found)
    finally:
        os.close(found)


def where(name: str, folder: int) -> str:
    """Return the path of a name in an open folder, for messages."""
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)


@contextlib.contextmanager
def holding(path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
    """Open the folder that holds an absolute path, and give it with the name in there; errors name the whole path.

    Raises:
        LinkError: there is a link of somebody else on the way.
        OSError: the folder cannot be opened.

    """
    folder, name = os.path.split(path)
    try:
        with opened(folder, create=create, links=True) as found:
            yield found, name
    except OSError as error:
        if error.errno:
            error.filename = path
        raise


def open_file(path: str) -> IO[bytes]:
    """Open a regular file for reading, through no link of somebody else, and without waiting for a pipe.

    Raises:
        LinkError: there is a link of somebody else on the way.
        OSError: it is no regular file, or cannot be opened.

    """
    with holding(path) as (folder, name):
        descriptor = os.open(name, READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return open(descriptor, "rb")


def shared(path: str) -> str:
    """Return what others than root can change on the way of a path, nothing if there is none; links are followed.

    Raises:
        FileNotFoundError: nothing is there.

    """
    links, done = 0, "/"
    todo = path.strip("/").split("/")
    while todo:
        step = os.path.join(done, todo.pop(0))
        info = os.lstat(step)
        link = stat.S_ISLNK(info.st_mode)
        # In a sticky folder nobody can swap what is root's.
        loose = info.st_mode & _WRITABLE_BY_OTHERS and not info.st_mode & stat.S_ISVTX
        if info.st_uid or (loose and not link) or links > LINKS:
            return step
        if link:
            links += 1
            target = os.path.normpath(os.path.join(done, os.readlink(step)))
            done, todo = "/", [*target.strip("/").split("/"), *todo]
        else:
            done = step
    return ""


def make(path: str) -> None:
    """Make a folder and those above it, unless they are there, with their mode whatever the umask is."""
    with opened(path, create=True, links=True):
        pass


def mode(name: str, folder: int) -> int:
    """Return the mode of what stands at a name, 0 if nothing does; a link is a link."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def clear(name: str, folder: int) -> None:
    """Remove what stands at a name, whatever it is and however deep, and whatever is put into its place meanwhile.

    Raises:
        OSError: something cannot be removed; another file system is not entered.

    """
    if _removed(name, folder):
        return
    with opened(name, folder) as top:
        todo = os.listdir(top)
        while todo:
            inner = todo.pop()
            if _removed(inner, top):
                continue
            # Folders come up to the top one by one, so that no depth is too deep; a mount does not move.
            with opened(inner, top) as emptied:
                for each in os.listdir(emptied):
                    if not _removed(each, emptied):
                        up = f"{TEMPORARY}{secrets.token_hex(8)}"
                        os.rename(each, up, src_dir_fd=emptied, dst_dir_fd=top)
                        todo.append(up)
            os.rmdir(inner, dir_fd=top)
    os.rmdir(name, dir_fd=folder)


def _removed(name: str, folder: int) -> bool:
    """Remove what is no folder, or an empty one; return whether nothing is left."""
    try:
        if stat.S_ISDIR(mode(name, folder)):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR}:
            raise
        return False
    return True
