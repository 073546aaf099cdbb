"""vendor/roles/: a link for each module to a tree of its own, which is complete before the link leads to it.

A run that has begun goes on with the trees that it found, as Ansible resolves the links when it loads a role; so trees
that no link leads to any more are kept for a day.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.vendored.cache import object_name
from strata.vendored.tree import EXECUTABLE, FILE, LINK, RefusedError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from strata.vendored.cache import Objects
    from strata.vendored.lock import Pin
    from strata.vendored.tree import Tree

KEPT = 24 * 3600
MAX_BYTES = 512 << 20
MANIFEST = "manifest.json"
POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Installed:
    """A module's tree in `holder`, and what was written there: mode, object, and marks of each file by its path."""

    holder: Path
    name: str
    sha: str
    committed: int
    files: dict[str, list[Any]]

    @property
    def folder(self) -> Path:
        """Return the role's folder."""
        return self.holder / self.name

    def changes(self, *, marks: bool) -> list[str]:
        """Return what was done to the files since: "edited tasks/main.yml", sorted.

        Args:
            marks: whether a file whose size, times and inode are those of then is taken for unchanged without reading.

        """
        folders = {path[:at] for path in self.files for at, letter in enumerate(path) if letter == "/"}
        found = set()
        wrong = []
        for path, entry in _walk(self.folder, ""):
            found.add(path)
            known = self.files.get(path)
            if known is None:
                if path not in folders:
                    wrong.append(f"extra {path}")
            elif not (marks and known[2:] == _marks(entry.stat(follow_symlinks=False))) and not _same(entry, known):
                wrong.append(f"edited {path}")
        wrong += [f"missing {path}" for path in self.files if path not in found]
        return sorted(wrong)


class Vendor:
    """The folder vendor/ of a checkout."""

    def __init__(self, root: Path) -> None:
        """Say where it is; nothing is made yet."""
        self.roles = root / "vendor/roles"
        self.trees = root / "vendor/.trees"

    def names(self) -> list[str]:
        """Return what is in vendor/roles/, sorted."""
        with suppress(FileNotFoundError):
            return sorted(os.listdir(self.roles))  # noqa: PTH208 - names are wanted
        return []

    def target(self, name: str) -> str | None:
        """Return where the link of a name leads, None where there is no link."""
        try:
            return os.readlink(self.roles / name)  # noqa: PTH115 - as written
        except OSError:
            return None

    def installed(self, name: str) -> Installed | None:
        """Return the tree that a name leads to, None if it leads to none of ours."""
        holder = self._holder(name)
        if holder is None:
            return None
        try:
            found = json.loads((holder / MANIFEST).read_bytes())
            return Installed(holder, name, found["sha"], found["committed"], found["files"])
        except (OSError, ValueError, KeyError):
            return None

    def install(self, pin: Pin, tree: Tree, objects: Objects) -> list[str]:
        """Write a module's files and lead its name to them; return what was not followed: submodules and LFS.

        Raises:
            RefusedError: the files are too large.
            MissingError: an object is not there.
            OSError: they can't be written; nothing of them is left.

        """
        self.trees.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=f"{pin.sha[:12]}-", dir=self.trees))
        holder.chmod(0o755)
        try:
            files, pointers = _write(holder / pin.name, tree, objects)
            manifest = {"sha": pin.sha, "committed": tree.committed, "files": files}
            (holder / MANIFEST).write_text(json.dumps(manifest))
            self._lead(pin.name, f"../{self.trees.name}/{holder.name}/{pin.name}", holder)
        except BaseException:
            shutil.rmtree(holder, ignore_errors=True)
            raise
        submodules = [f"{path} is a submodule, and is left out" for path in tree.submodules]
        return submodules + [f"{path} is a pointer of Git LFS, and stays one" for path in pointers]

    def lead(self, name: str, folder: Path) -> None:
        """Make a name lead to a folder elsewhere; what it led to before is kept for a day."""
        self.trees.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="link-", dir=self.trees) as place:
            self._lead(name, str(folder), Path(place))

    def remove(self, name: str) -> Path | None:
        """Take a name away; return where its folder is kept for a day, None for a link to elsewhere."""
        holder = self._retire(name)
        with suppress(FileNotFoundError):
            os.unlink(self.roles / name)  # noqa: PTH108
        return holder

    def clean(self) -> None:
        """Remove the trees that no name has led to for a day."""
        clean(self.trees, {holder.name for name in self.names() if (holder := self._holder(name))})

    def _lead(self, name: str, target: str, place: Path) -> None:
        """Make a name lead to a target, in one step, which is the last; the link is made in `place`."""
        self.roles.mkdir(parents=True, exist_ok=True)
        self._retire(name)
        (place / "link").symlink_to(target)
        (place / "link").replace(self.roles / name)

    def _holder(self, name: str) -> Path | None:
        """Return what holds the tree that a name leads to, None if it leads to none of ours."""
        parts = (self.target(name) or "").split("/")
        ours = len(parts) == 4 and parts[:2] == ["..", self.trees.name] and parts[3] == name  # noqa: PLR2004
        return self.trees / parts[2] if ours else None

    def _retire(self, name: str) -> Path | None:
        """Let the day begin for which a name's tree is kept; move a folder that is not ours to the trees."""
        holder = self._holder(name)
        if holder:
            with suppress(FileNotFoundError):
                os.utime(holder)
        elif self.target(name) is None and os.path.lexists(self.roles / name):
            self.trees.mkdir(parents=True, exist_ok=True)
            holder = Path(tempfile.mkdtemp(prefix="found-", dir=self.trees))
            (self.roles / name).rename(holder / name)
        return holder


def clean(folder: Path, used: Container[str]) -> None:
    """Remove the folders in a folder that are not used, and have not been for a day."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in used and entry.stat(follow_symlinks=False).st_mtime < time.time() - KEPT:
                shutil.rmtree(entry.path, ignore_errors=True)


def _write(folder: Path, tree: Tree, objects: Objects) -> tuple[dict[str, list[Any]], list[str]]:
    """Write the files of a tree, and return mode, object and marks of each, and which are pointers of LFS."""
    top = str(folder)
    os.mkdir(top)  # noqa: PTH102 - all of this loop is strings, of which there are thousands
    made = {""}
    files: dict[str, list[Any]] = {}
    pointers = []
    total = 0
    contents = objects.read([name for _, name in tree.files.values()])
    for (path, (mode, name)), (kind, content) in zip(tree.files.items(), contents, strict=True):
        if kind != "blob":
            raise RefusedError(f"{path} is a {kind} and no file")
        total += len(content)
        if total > MAX_BYTES:
            raise RefusedError(f"has more than {MAX_BYTES >> 20} MB")
        _make_folders(top, path.rpartition("/")[0], made)
        files[path] = [mode, name, *_create(f"{top}/{path}", mode, content)]
        if content.startswith(POINTER) and mode != LINK:
            pointers.append(path)
    return files, pointers


def _make_folders(top: str, folder: str, made: set[str]) -> None:
    if folder not in made:
        _make_folders(top, folder.rpartition("/")[0], made)
        os.mkdir(f"{top}/{folder}")  # noqa: PTH102
        made.add(folder)


def _create(path: str, mode: str, content: bytes) -> list[int]:
    """Create a file, and return its marks."""
    if mode == LINK:
        os.symlink(content, path.encode())  # noqa: PTH211
        return _marks(os.lstat(path))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o777 if mode == EXECUTABLE else 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        return _marks(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _marks(status: os.stat_result) -> list[int]:
    """Return what changes when a file is changed."""
    return [status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _walk(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield path and entry of all that is below a folder, folders too."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            yield prefix + entry.name, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _same(entry: os.DirEntry[str], known: list[Any]) -> bool:
    """Return whether a file is what it was, by its content."""
    mode, name = known[:2]
    algorithm = "sha1" if len(name) == 40 else "sha256"  # noqa: PLR2004
    if entry.is_symlink():
        kind, content = LINK, os.readlink(os.fsencode(entry.path))  # noqa: PTH115 - as written
    elif entry.is_file(follow_symlinks=False):
        kind = EXECUTABLE if entry.stat(follow_symlinks=False).st_mode & 0o100 else FILE
        content = Path(entry.path).read_bytes()
    else:
        return False
    return kind == mode and object_name("blob", content, algorithm) == str(name)
