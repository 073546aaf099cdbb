"""Trees of files on a host: take the steps of plans, without ever following a link below the trees' places."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.folders import NEW, READ, opened
from ansible.module_utils.strata.paths import TEMPORARY
from ansible.module_utils.strata.trees.contents import copy, unpack
from ansible.module_utils.strata.trees.declared import TreeError, show
from ansible.module_utils.strata.trees.host import naming
from ansible.module_utils.strata.trees.plan import Plan, Step, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible.module_utils.strata.trees.declared import Want

AT_ONCE = 32  # files that are synced together


def apply(plans: Sequence[Plan], archive: IO[bytes] | None, ready: Callable[[], None] | None = None) -> None:
    """Take the steps of `plans`, innermost tree first, with the contents in `archive` (a tar.gz, named by sha256).

    All contents are on the disk and verified before the first file is replaced, and then `ready` is called; a failure
    until then leaves nothing but new folders.

    Raises:
        TreeError: a content is missing or damaged, or the system refused something.

    """
    with contextlib.ExitStack() as stack:
        places = []
        for plan in plans:
            with naming(plan.tree, ""):
                places.append(_Place(plan, stack.enter_context(opened(plan.tree.place, create=True))))
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
        for step in place.steps:
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
            with naming(place.tree, path):
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

    def __init__(self, plan: Plan, root: int) -> None:
        self.tree = plan.tree
        self.steps = plan.steps
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
        for step in self.steps:
            if step.blocking:
                self.remove(step.path)
        self.close()
        for step in self.steps:
            if step.want and step.want.kind == "dir":
                self.make_folder(step.path, step.want.mode)

    def finish(self) -> None:
        """Take the steps that need no content, remove what is not wanted, and put all names on the disk."""
        for step in self.steps:
            if step.want and step.want.kind == "link":
                self.link(step.path, step.want.detail)
            elif step.want and step.action == "metadata" and step.want.kind == "file":
                self.set_mode(step.path, step.want.mode)
        for step in self.steps:
            if step.action == "remove" and not step.blocking:
                self.remove(step.path)
        self.close()
        for parent in self.touched:
            with contextlib.suppress(FileNotFoundError), opened(parent, self.root) as folder:
                os.fsync(folder)

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty folder."""
        with naming(self.tree, path):
            folder, name = self.folder(path)
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.rmdir(name, dir_fd=folder)
                self.touched.discard(path)  # something else may take its name
            else:
                os.unlink(name, dir_fd=folder)
            self.touch(path)

    def make_folder(self, path: str, mode: int) -> None:
        """Make a folder, unless it is there, and set its mode and owners."""
        with naming(self.tree, path):
            if path:
                folder, name = self.folder(path)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
            with opened(path, self.root) as descriptor:
                self.own(descriptor, mode)
            self.touch(path)

    def write(self, path: str, temporary: str, source: IO[bytes], mode: int) -> int:
        """Write a new file beside `path` and return it open, to be synced."""
        with naming(self.tree, path):
            folder, _ = self.folder(path)
            source.seek(0)
            with open(os.open(temporary, NEW, 0o600, dir_fd=folder), "wb") as stream:
                copy(source, stream)
                stream.flush()
                self.own(stream.fileno(), mode)
                return os.dup(stream.fileno())

    def commit(self, path: str, temporary: str) -> None:
        """Put a written file or link in its place."""
        with naming(self.tree, path):
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
        with naming(self.tree, path):
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
        with naming(self.tree, path):
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
