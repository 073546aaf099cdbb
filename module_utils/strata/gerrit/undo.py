"""What was there before a change of Gerrit, kept until the new state has proved itself, also by a run that is killed.

What a killed run kept is what served last. So the next run keeps nothing anew that is kept already.

All of it is root's own: what Gerrit's user could write there, he could have put in any place. In the site, where he may
change anything meanwhile, everything is done through open folders.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

from ansible.module_utils.strata import folders, paths
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.owed import Owed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INDEX = "index.json"
#: How deep folders may be that are kept: none that Gerrit makes are, and recursion has an end.
LEVELS = 200


def place() -> str:
    """Return the folder of what is kept."""
    return f"{paths.STATE}/gerrit/undo"


class Undo:
    """The folder of what is kept: each thing under a number, and an index of them.

    Of a repository, its tips are noted as the run that changes it leaves them: one that has moved since has what must
    not be lost. None stands for those of a repository that a run is changing.
    """

    def __init__(self, folder: str, tips_of: Callable[[str], str]) -> None:
        """Read what a killed run left; `tips_of` returns what tells the state of a repository."""
        self.folder, self.tips_of = folder, tips_of
        self.index = Owed(INDEX, folder)
        noted = json.loads(self.index.read() or b"{}")
        self.kept: dict[str, str | None] = noted.get("kept", {})
        self.tips: dict[str, str | None] = noted.get("tips", {})

    @property
    def pending(self) -> bool:
        """Whether a change has begun that did not come to its end."""
        return self.index.read() is not None

    def keep(self, wanted: Iterable[str]) -> None:
        """Keep files and folders as they are, unless they are kept already. Raises OSError; then nothing new counts."""
        found = dict(self.kept)
        folders.make(os.path.dirname(self.folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.folder, 0o700)
        with folders.opened(self.folder, links=True) as kept:
            for path in wanted:
                if path not in found:
                    name = str(len(found))
                    folders.clear(name, kept)
                    found[path] = name if _keep(path, name, kept) else None
        os.sync()
        self._note(found, self.tips)

    def note_tips(self, repositories: Iterable[str], *, changing: bool) -> None:
        """Note how repositories are, or that they are being changed by us. Raises OSError."""
        self._note(self.kept, self.tips | {path: None if changing else self.tips_of(path) for path in repositories})

    def moved(self) -> list[str]:
        """Return the repositories that others than a run have changed since they were noted."""
        return [path for path, tips in self.tips.items() if tips is not None and tips != self.tips_of(path)]

    def restore(self) -> list[str]:
        """Restore all that is kept; return what could not be, a sentence each."""
        moved, lost = self.moved(), []
        for path, name in self.kept.items():
            try:
                if path in moved:
                    lost.append(
                        f"{path}: has changed since, so it stays, and what it was before is in {self._at(name)}"
                    )
                else:
                    self._restore(path, name)
            except (OSError, StrataError) as error:
                lost.append(f"{path}: {getattr(error, 'strerror', None) or error}")
        os.sync()
        return lost

    def forget(self) -> None:
        """Forget what is kept."""
        self.index.forget()
        with contextlib.suppress(OSError), folders.holding(self.folder) as (above, name):
            folders.clear(name, above)
        self.kept, self.tips = {}, {}

    def _at(self, name: str | None) -> str:
        return os.path.join(self.folder, name or "")

    def _note(self, kept: dict[str, str | None], tips: dict[str, str | None]) -> None:
        self.index.note(json.dumps({"kept": kept, "tips": tips}).encode())
        self.kept, self.tips = kept, tips

    def _restore(self, path: str, name: str | None) -> None:
        """Let what was kept take its place again; a file by a rename, so that the path is never without one."""
        if name is None:
            with contextlib.suppress(FileNotFoundError), folders.holding(path) as (folder, last):
                folders.clear(last, folder)
            return
        with folders.opened(self.folder, links=True) as kept, folders.holding(path) as (folder, last):
            beside = f"{paths.TEMPORARY}{last}.new"
            folders.clear(beside, folder)
            _copy(name, kept, beside, folder)
            if stat.S_ISDIR(folders.mode(last, folder)) or stat.S_ISDIR(folders.mode(beside, folder)):
                folders.clear(last, folder)
            os.replace(beside, last, src_dir_fd=folder, dst_dir_fd=folder)


def _keep(path: str, name: str, kept: int) -> bool:
    """Copy what is at a path; return whether anything is."""
    try:
        with folders.holding(path) as (folder, last):
            if not folders.mode(last, folder):
                return False
            _copy(last, folder, name, kept)
    except FileNotFoundError:
        return False
    return True


def _copy(name: str, source: int, to: str, target: int, *, link: bool = False, level: int = 0) -> None:
    """Copy a file, or a folder with all below it, from one open folder to another one.

    Git's objects, which are never written to again, are linked. What is new is for us alone before it has its owners.
    What is neither file, folder nor link is nothing to keep.
    """
    kind = stat.S_IFMT(folders.mode(name, source))
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), to, dir_fd=target)
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        os.chown(to, info.st_uid, info.st_gid, dir_fd=target, follow_symlinks=False)
    elif kind == stat.S_IFDIR:
        if level >= LEVELS:
            raise StrataError(f"{folders.where(name, source)} is deeper than {LEVELS} folders: remove it")
        os.mkdir(to, 0o700, dir_fd=target)
        with folders.opened(name, source) as inner, folders.opened(to, target) as made:
            for each in os.listdir(inner):
                _copy(each, inner, each, made, link=link or each == "objects", level=level + 1)
            _like(inner, made)
    elif kind == stat.S_IFREG and not (link and _linked(name, source, to, target)):
        with (
            open(os.open(name, folders.READ, dir_fd=source), "rb") as old,
            open(os.open(to, folders.NEW, 0o600, dir_fd=target), "wb") as new,
        ):
            shutil.copyfileobj(old, new)
            _like(old.fileno(), new.fileno())


def _linked(name: str, source: int, to: str, target: int) -> bool:
    """Make a second name of a file; return whether that can be done, which it can't on another file system."""
    try:
        os.link(name, to, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _like(old: int, new: int) -> None:
    """Give what is open the owners and the mode of something else, in that order, as it drops the set-id bits."""
    info = os.fstat(old)
    os.fchown(new, info.st_uid, info.st_gid)
    os.fchmod(new, stat.S_IMODE(info.st_mode))
