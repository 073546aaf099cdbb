"""Trees of files on a host: find them, read them, change them, without ever following a link below their places."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.trees.contents import copy, unpack
from ansible.module_utils.strata.trees.declared import (
    LEVELS,
    TEMPORARY,
    Have,
    Step,
    Tree,
    TreeError,
    Want,
    above,
    content,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that was put where a file had been must not hold us.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
AT_ONCE = 32  # files that are synced together
LINKS = 40  # as many as the kernel follows
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}


def resolve(tree: Tree) -> str:
    """Return the tree's destination without links, as far as it exists.

    Raises:
        TreeError: something on the way is no folder, or a link of a user who may not say where we write.

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
        info, target = _look(done, name)
        if target is None and (info is None or stat.S_ISDIR(info.st_mode)):
            done.append(name)
        elif info is None or target is None:
            raise TreeError(f"{tree}: {show(here)} is not a folder")
        else:
            links += 1
            if info.st_uid not in (0, os.geteuid()):
                raise TreeError(f"{tree}: {show(here)} is a link of user {info.st_uid}, and only root's are followed")
            if links > LINKS:
                raise TreeError(f"{tree}: {show(here)} is a link in a circle")
            done = [] if target.startswith("/") else done
            todo += target.split("/")[::-1]
    if not done:
        raise TreeError(f"{tree}: the destination is the root of the file system")
    return "/" + "/".join(done)


def _look(folder: list[str], name: str) -> tuple[os.stat_result | None, str | None]:
    """Return what `name` is, and its target if it is a link, both of one and the same inode."""
    try:
        with opened("/".join(folder)) as parent:
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return None, None
    try:
        info = os.fstat(found)
        return info, os.readlink("", dir_fd=found) if stat.S_ISLNK(info.st_mode) else None
    finally:
        os.close(found)


@contextlib.contextmanager
def opened(path: str, start: str | int = "/", *, create: bool = False) -> Iterator[int]:
    """Open the folder `path` below `start` component by component, following no link.

    With `create`, missing folders are made, and their mode does not depend on the umask.
    """
    current = os.open(start, FOLDER) if isinstance(start, str) else os.dup(start)
    try:
        for name in filter(None, path.split("/")):
            made = False
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=current)
                    made = True
            below = os.open(name, FOLDER, dir_fd=current)
            os.close(current)
            current = below
            if made:
                os.fchmod(current, 0o755)
        yield current
    finally:
        os.close(current)


@contextlib.contextmanager
def _about(tree: Tree, path: str) -> Iterator[None]:
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
        with _about(self.tree, ""), contextlib.suppress(FileNotFoundError), opened(self.tree.place) as folder:
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
                with _about(self.tree, path):
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


def missing(trees: Iterable[Tree]) -> set[str]:
    """Return the sha256 of the contents that the steps of `trees` need."""
    return {want.detail for tree in trees for step in tree.steps if (want := content(step))}


def apply(trees: Sequence[Tree], archive: IO[bytes] | None, ready: Callable[[], None] | None = None) -> None:
    """Take the steps of `trees`, innermost tree first, with the contents in `archive` (a tar.gz, named by sha256).

    All contents are on the disk and verified before the first file is replaced, and then `ready` is called; a failure
    until then leaves nothing but new folders.

    Raises:
        TreeError: a content is missing or damaged, or the system refused something.

    """
    with contextlib.ExitStack() as stack:
        places = []
        for tree in trees:
            with _about(tree, ""):
                places.append(_Place(tree, stack.enter_context(opened(tree.place, create=True))))
            stack.callback(places[-1].close)
            places[-1].prepare()
        staged: list[tuple[_Place, Step, str]] = []
        try:
            _stage(places, archive, staged)
            if ready:
                ready()
            while staged:
                place, step, temporary = staged[-1]
                place.commit(step.path, temporary)
                staged.pop()
        finally:
            for place, step, temporary in staged:
                place.discard(step.path, temporary)
        for place in places:
            place.finish()


def _stage(places: Iterable[_Place], archive: IO[bytes] | None, staged: list[tuple[_Place, Step, str]]) -> None:
    """Write each content beside its place and append to `staged` what is written."""
    waiting: dict[str, list[tuple[_Place, Step, Want]]] = {}
    written: list[tuple[_Place, str, int]] = []
    for place in places:
        for step in place.tree.steps:
            if want := content(step):
                waiting.setdefault(want.detail, []).append((place, step, want))
    for name, stream in unpack(archive) if archive else ():
        for place, step, want in waiting.pop(name, []):
            temporary = _temporary()
            staged.append((place, step, temporary))
            written.append((place, step.path, place.write(step.path, temporary, stream, want.mode)))
            if len(written) >= AT_ONCE:
                _sync(written)
    _sync(written)
    for lacking in waiting.values():
        place, step, _ = lacking[0]
        raise TreeError(f"{place.tree}: {show(place.tree.full(step.path))} changed during the run: run it again")


def _sync(written: list[tuple[_Place, str, int]]) -> None:
    """Put files on the disk and close them: many at once share one commit of the file system's journal."""

    def sync(entry: tuple[_Place, str, int]) -> None:
        place, path, descriptor = entry
        try:
            with _about(place.tree, path):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        list(pool.map(sync, written))
    written.clear()


def _temporary() -> str:
    return TEMPORARY + secrets.token_hex(8)


class _Place:
    """A tree's folder on the host, in which every path is reached without following links."""

    def __init__(self, tree: Tree, root: int) -> None:
        self.tree = tree
        self.root = root
        self.parent: str | None = None
        self.current = -1
        self.touched: set[str] = set()

    def folder(self, path: str) -> tuple[int, str]:
        """Return the open folder that holds `path`, and its name in there."""
        parent, _, name = path.rpartition("/")
        if parent != self.parent:
            self.close()
            with opened(parent, self.root) as folder:
                self.current = os.dup(folder)
            self.parent = parent
        return self.current, name

    def close(self) -> None:
        """Close the folder that was used last."""
        if self.parent is not None:
            os.close(self.current)
            self.parent = None

    def prepare(self) -> None:
        """Remove what stands in the way and make the folders."""
        for step in self.tree.steps:
            if step.blocking:
                self.remove(step.path)
        self.close()
        for step in self.tree.steps:
            if step.want and step.want.kind == "dir":
                self.make_folder(step.path, step.want.mode)

    def finish(self) -> None:
        """Take the steps that need no content, remove what is not wanted, and put all names on the disk."""
        for step in self.tree.steps:
            if step.want and step.want.kind == "link":
                self.link(step.path, step.want.detail)
            elif step.want and step.action == "metadata" and step.want.kind == "file":
                self.set_mode(step.path, step.want.mode)
        for step in self.tree.steps:
            if step.action == "remove" and not step.blocking:
                self.remove(step.path)
        self.close()
        for parent in self.touched:
            with contextlib.suppress(FileNotFoundError), opened(parent, self.root) as folder:
                os.fsync(folder)

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty folder."""
        with _about(self.tree, path):
            folder, name = self.folder(path)
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
            self.touch(path)

    def make_folder(self, path: str, mode: int) -> None:
        """Make a folder, unless it is there, and set its mode and owners."""
        with _about(self.tree, path):
            if path:
                folder, name = self.folder(path)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
            with opened(path, self.root) as descriptor:
                self.own(descriptor, mode)
            self.touch(path)

    def write(self, path: str, temporary: str, source: IO[bytes], mode: int) -> int:
        """Write a new file beside `path` and return it open, to be synced."""
        with _about(self.tree, path):
            folder, _ = self.folder(path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            source.seek(0)
            with open(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as stream:
                copy(source, stream)
                stream.flush()
                self.own(stream.fileno(), mode)
                return os.dup(stream.fileno())

    def commit(self, path: str, temporary: str) -> None:
        """Put a written file or link in its place."""
        with _about(self.tree, path):
            folder, name = self.folder(path)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            self.touch(path)

    def discard(self, path: str, temporary: str) -> None:
        """Remove a written file that will not be used."""
        with contextlib.suppress(OSError):
            folder, _ = self.folder(path)
            os.unlink(temporary, dir_fd=folder)

    def link(self, path: str, target: str) -> None:
        """Make or replace a link."""
        temporary = _temporary()
        with _about(self.tree, path):
            folder, _ = self.folder(path)
            os.symlink(target, temporary, dir_fd=folder)
            try:
                os.chown(temporary, self.tree.uid, self.tree.gid, dir_fd=folder, follow_symlinks=False)
                self.commit(path, temporary)
            except BaseException:
                self.discard(path, temporary)
                raise

    def set_mode(self, path: str, mode: int) -> None:
        """Set the mode and owners of a file that is there."""
        with _about(self.tree, path):
            folder, name = self.folder(path)
            descriptor = os.open(name, READ, dir_fd=folder)
            try:
                self.own(descriptor, mode)
            finally:
                os.close(descriptor)

    def own(self, descriptor: int, mode: int) -> None:
        """Set the mode and owners of what is open; owners first, because that drops the set-id bits."""
        os.fchown(descriptor, self.tree.uid, self.tree.gid)
        os.fchmod(descriptor, mode)

    def touch(self, path: str) -> None:
        """Remember that the folder of `path` has new names to be put on the disk."""
        self.touched.add(path.rpartition("/")[0])
