"""Home folders and the keys in them, handled by root without ever following what the user may have put there.

The folders above a home must be root's, so nobody can swap the home itself. Below it, everything is opened relative to
an open folder and without following links.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, folders
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.folders import FOLDER, clear, opened
from ansible.module_utils.strata.folders import mode as mode_of
from ansible.module_utils.strata.paths import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator

SKELETON = "/etc/skel"
SSH, KEYS, OLD_KEYS = ".ssh", "authorized_keys", "authorized_keys2"

_WRITABLE_BY_OTHERS = 0o022
_PRIVATE = 0o600
#: Bytes of authorized_keys that are read: whoever made it may have made it endless.
_MOST = 2**20


class HomeError(StrataError):
    """The path is not fit to be this user's home; the text goes on after the path."""


class ObstacleError(HomeError):
    """What users can put into their homes themselves keeps us out."""


@dataclass(frozen=True)
class Home:
    """What is at a home's path: its mode, None if nothing is there or known; the keys; why it is not to be touched.

    A `problem` is one of the declaration. An `obstacle` is one of the system, or of the user's making: of that, nothing
    that concerns anybody else may depend.
    """

    mode: int | None = None
    keys: bytes | None = None
    #: What stands where keys belong, but is not as sshd wants it, or was made to mislead, or is not the user's own.
    strays: tuple[str, ...] = ()
    problem: str = ""
    obstacle: str = ""

    @property
    def barred(self) -> str:
        """Return why it is not to be touched."""
        return self.problem or self.obstacle

    def has(self, keys: bytes | None) -> bool:
        """Return whether these are the keys, and nothing else is there."""
        return self.keys == keys and not self.strays


def look(path: str, uid: int) -> Home:
    """Return what is at the path of the home of a user."""
    try:
        with _opened(path, uid) as home:
            keys, strays = _look_at_keys(home, uid)
            return Home(stat.S_IMODE(os.fstat(home).st_mode), keys, strays)
    except FileNotFoundError:
        return Home()
    except ObstacleError as error:
        return Home(obstacle=str(error))
    except HomeError as error:
        found = [name for name in (KEYS, OLD_KEYS) if os.path.lexists(os.path.join(path, SSH, name))]
        return Home(strays=tuple(found), problem=str(error))
    except OSError as error:
        # A dead mount, one of another user's, one of a server that does not trust our root ...
        return Home(obstacle=f"cannot be read: {error.strerror}")


def make(path: str, uid: int, gid: int, mode: int) -> None:
    """Make a home from the skeleton; it appears when it is complete."""
    parent, name = os.path.split(path)
    folders.make(parent)
    _require_roots(parent)
    new = os.path.join(parent, f"{TEMPORARY}{name}.new")
    with folders.holding(new) as (above, unfinished):
        clear(unfinished, above)
    os.mkdir(new, 0o700)
    if os.path.isdir(SKELETON):
        shutil.copytree(SKELETON, new, symlinks=True, dirs_exist_ok=True)
        os.chmod(new, 0o700)
    for folder, inner, others in os.walk(new):
        for each in [*inner, *others]:
            os.chown(os.path.join(folder, each), uid, gid, follow_symlinks=False)
    os.chmod(new, mode)
    os.chown(new, uid, gid)
    with folders.holding(path) as (above, _):
        os.rename(new, path)
        os.fsync(above)


def set_mode(path: str, uid: int, mode: int) -> None:
    """Change the mode of a home."""
    with _opened(path, uid) as home:
        os.fchmod(home, mode)


def remove(path: str, uid: int) -> None:
    """Remove a home with all that is in it.

    Raises:
        HomeError: it is not this user's folder, or something is mounted in it; nothing was removed.

    """
    with _opened(path, uid) as home, open("/proc/self/mountinfo", "rb") as mounts:
        # Of its folders, as links of root's may lead here; with those characters escaped that would end a field.
        real = os.readlink(f"/proc/self/fd/{home}")
        places = [re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), line.split()[4]) for line in mounts]
        if mounted := sorted(place for place in map(os.fsdecode, places) if f"{place}/".startswith(f"{real}/")):
            raise HomeError(f"has a mount at {mounted[0]}: unmount it")
        with opened(os.path.dirname(real)) as above:
            clear(os.path.basename(real), above)
            os.fsync(above)


def write_keys(path: str, uid: int, gid: int, keys: bytes | None) -> None:
    """Make `keys`, or none, all that sshd finds in a home; what stands in the way is removed."""
    with _opened(path, uid) as home, _ssh_folder(home, uid, gid, make=keys is not None) as folder:
        if folder is None:
            return
        clear(OLD_KEYS, folder)
        if keys is None or not stat.S_ISREG(mode_of(KEYS, folder)):
            clear(KEYS, folder)
        if keys is not None:
            files.put(KEYS, folder, files.File(keys, _PRIVATE, uid, gid))
        os.fsync(folder)


@contextlib.contextmanager
def _opened(path: str, uid: int) -> Iterator[int]:
    """Give a home as an open folder.

    Raises:
        HomeError: it is not this user's folder, or others could swap it.
        FileNotFoundError: nothing is there.

    """
    _require_roots(os.path.dirname(path))
    try:
        home = os.open(path, FOLDER)
    except NotADirectoryError:
        raise HomeError("is a link or not a folder: declare the path of the folder itself") from None
    try:
        owner = os.fstat(home).st_uid
        if owner != uid:
            raise HomeError(f"belongs to uid {owner}, not to uid {uid}: chown it, move it away or declare another home")
        yield home
    finally:
        os.close(home)


def _require_roots(path: str) -> None:
    """Refuse a path on whose way anybody but root can change anything."""
    if step := folders.shared(path):
        raise HomeError(f"is below {step}, which others than root can change: declare another home")


def _look_at_keys(home: int, uid: int) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the keys in a home, and what is there but should not be."""
    mode = mode_of(SSH, home)
    if not mode:
        return None, ()
    try:
        folder = os.open(SSH, FOLDER, dir_fd=home)
    except NotADirectoryError:
        return None, (f"{SSH} is not a folder",)
    try:
        _require_own(folder, uid)
        info = os.fstat(folder)
        wrong = info.st_uid != uid or info.st_mode & _WRITABLE_BY_OTHERS
        strays = [f"{SSH} can be changed by others"] if wrong else []
        strays += [OLD_KEYS] if mode_of(OLD_KEYS, folder) else []
        mode = mode_of(KEYS, folder)
        if not stat.S_ISREG(mode):
            return None, (*strays, *([f"{KEYS} is not a file"] if mode else []))
        descriptor = os.open(KEYS, folders.READ, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as stream:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != uid or info.st_nlink > 1:
                # Perhaps a second name of a file that its user may not read: it is not shown.
                return None, (*strays, f"{KEYS} is not a file of the user alone")
            strays += [f"{KEYS} has another mode"] if stat.S_IMODE(info.st_mode) != _PRIVATE else []
            return stream.read(_MOST), tuple(strays)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _ssh_folder(home: int, uid: int, gid: int, *, make: bool) -> Iterator[int | None]:
    """Give ~/.ssh as an open folder that only the user can change; None if it is not there and not to be made."""
    if not stat.S_ISDIR(mode_of(SSH, home)):
        clear(SSH, home)
        if not make:
            yield None
            return
        os.mkdir(SSH, 0o700, dir_fd=home)
    folder = os.open(SSH, FOLDER, dir_fd=home)
    try:
        _require_own(folder, uid)
        info = os.fstat(folder)
        os.fchown(folder, uid, gid)
        if info.st_mode & _WRITABLE_BY_OTHERS or not info.st_uid:
            os.fchmod(folder, 0o700)
        yield folder
    finally:
        os.close(folder)


def _require_own(folder: int, uid: int) -> None:
    """Refuse a ~/.ssh that sshd would refuse too, as a third one owns it."""
    owner = os.fstat(folder).st_uid
    if owner not in (uid, 0):
        raise ObstacleError(f"has a {SSH} that belongs to uid {owner}: remove it")
