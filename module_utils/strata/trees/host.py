"""Trees of files on a host: find them and read them, without ever following a link below their places."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.folders import LINKS, READ, LinkError, look, opened
from ansible.module_utils.strata.paths import TEMPORARY
from ansible.module_utils.strata.trees.declared import LEVELS, Tree, TreeError, above, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}


@dataclass(frozen=True)
class Have:
    """What one path on the host is: as `Want`, or of kind "other" (a socket, a device ...).

    `shared` is a file with more than one hard link; what is `kept` is not this tree's to remove.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    detail: str = ""
    shared: bool = False
    kept: bool = False


def resolve(tree: Tree) -> str:
    """Return the tree's destination without links, as far as it exists.

    Raises:
        TreeError: something on the way is not a folder, or a link of a user who may not say where we write.

    """
    done: list[str] = []
    todo = tree.dest.split("/")[::-1]
    links = 0
    while todo:
        name = todo.pop()
        if name in ("", "."):
            continue
        if name == "..":
            del done[-1:]
            continue
        here = "/" + "/".join([*done, name])
        try:
            info, target = _look(done, name)
        except LinkError as error:
            raise TreeError(f"{tree}: {show(str(error))}") from None
        if target is None and (info is None or stat.S_ISDIR(info.st_mode)):
            done.append(name)
        elif info is None or target is None:
            raise TreeError(f"{tree}: {show(here)} is not a folder")
        else:
            links += 1
            if links > LINKS:
                raise TreeError(f"{tree}: {show(here)} is a link in a circle")
            done = [] if target.startswith("/") else done
            todo += target.split("/")[::-1]
    if not done:
        raise TreeError(f"{tree}: the destination is the root of the file system")
    return "/" + "/".join(done)


def _look(folder: list[str], name: str) -> tuple[os.stat_result | None, str | None]:
    """Return what `name` is, and its target if it is a link. Raises LinkError."""
    try:
        with opened("/".join(folder)) as parent:
            return look(name, parent)
    except FileNotFoundError:
        return None, None


@contextlib.contextmanager
def naming(tree: Tree, path: str) -> Iterator[None]:
    """Turn an error of the system into a sentence that names the path."""
    try:
        yield
    except OSError as error:
        raise TreeError(f"{tree}: {show(tree.full(path))}: {error.strerror}") from error


def scan(tree: Tree, trees: Sequence[Tree]) -> dict[str, Have]:
    """Return what the host has at the paths of `tree`, and what else there is to purge or left by a killed run.

    Raises:
        TreeError: something cannot be read, or purging would enter another file system.

    """
    return _Scan(tree, trees).run()


class _Scan:
    def __init__(self, tree: Tree, trees: Sequence[Tree]) -> None:
        self.tree = tree
        self.have: dict[str, Have] = {}
        others = [other for other in trees if other is not tree]
        self.theirs = {other.place for other in others}
        self.needed = self.theirs.union(*(above(dest) for other in others for dest in (other.place, other.dest)))
        if tree.purge:
            self.needed.update(other.full(path) for other in others for path in other.wants)
        patterns = [fnmatch.translate(pattern.rstrip("/")) for pattern in tree.exclude]
        self.matches = re.compile("|".join(patterns) or r"(?!)").fullmatch
        self.device = 0

    def run(self) -> dict[str, Have]:
        with naming(self.tree, ""), contextlib.suppress(FileNotFoundError), opened(self.tree.place) as folder:
            info = os.fstat(folder)
            self.device = info.st_dev
            self.have[""] = Have("dir", stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
            self._folder(folder, "", own=True)
        return self.have

    def _folder(self, folder: int, parent: str, *, own: bool) -> None:
        """Look into a folder. If it is our `own` and no inner tree's, then what nobody wants there is ours to purge."""
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{parent}/{entry.name}" if parent else entry.name
                with naming(self.tree, path):
                    self._entry(folder, entry, path, own=own)

    def _entry(self, folder: int, entry: os.DirEntry[str], path: str, *, own: bool) -> None:
        want = self.tree.wants.get(path)
        info = entry.stat(follow_symlinks=False)
        is_folder = stat.S_ISDIR(info.st_mode)
        leftover = own and entry.name.startswith(TEMPORARY) and not is_folder
        if not (want or leftover or self.tree.purge):
            return
        full = self.tree.full(path)
        excluded = entry.name == ".git" or bool(self.matches(path))
        kept = want is None and not leftover and (not own or excluded or full in self.needed)
        detail = ""
        if stat.S_ISLNK(info.st_mode):
            detail = os.readlink(entry.name, dir_fd=folder)
        elif stat.S_ISREG(info.st_mode) and want and (want.kind, want.size) == ("file", info.st_size):
            detail = _sha256(entry.name, folder)
        self.have[path] = Have(
            kind=KINDS.get(stat.S_IFMT(info.st_mode), "other"),
            mode=stat.S_IMODE(info.st_mode),
            uid=info.st_uid,
            gid=info.st_gid,
            detail=detail,
            shared=stat.S_ISREG(info.st_mode) and info.st_nlink > 1,
            kept=kept,
        )
        own = own and full not in self.theirs
        wanted = want is not None and want.kind == "dir"
        if is_folder and (wanted or (self.tree.purge and own and not excluded)):
            if not wanted and info.st_dev != self.device:
                raise TreeError(f"{self.tree}: {show(full)} is another file system, which is not purged: exclude it")
            if path.count("/") >= LEVELS:
                raise TreeError(f"{self.tree}: {show(full)} is deeper than {LEVELS} folders: exclude it")
            with opened(entry.name, folder) as below:
                self._folder(below, path, own=own)


def _sha256(name: str, folder: int) -> str:
    with open(os.open(name, READ, dir_fd=folder), "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
