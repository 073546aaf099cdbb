"""What was there before a change of Gerrit, kept until the new state has proved itself, also by a run that is killed.

What a killed run kept is what served last. So the next run keeps nothing anew that is kept already.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil

from ansible.module_utils.strata import paths
from ansible.module_utils.strata.owed import Owed

INDEX = "index.json"


class Undo:
    """The folder of what is kept: each thing under a number, and an index of them."""

    def __init__(self, folder: str) -> None:
        """Read what a killed run left."""
        self.folder = folder
        self.index = Owed(INDEX, folder)
        self.kept: dict[str, str | None] = json.loads(self.index.read() or b"{}")

    @property
    def pending(self) -> bool:
        """Whether a change has begun that did not come to its end."""
        return self.index.read() is not None

    def keep(self, wanted: list[str]) -> None:
        """Keep files and folders as they are, unless they are kept already. Raises OSError; then nothing new counts."""
        found = dict(self.kept)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for path in wanted:
            if path in found:
                continue
            if not os.path.lexists(path):
                found[path] = None
                continue
            name = str(len(found))
            _remove(os.path.join(self.folder, name))
            _copy(path, os.path.join(self.folder, name))
            found[path] = name
        self.index.note(json.dumps(found).encode())
        self.kept = found

    def restore(self) -> list[str]:
        """Restore all that is kept; return what could not be, a sentence each."""
        lost = []
        for path, name in self.kept.items():
            try:
                if name is None:
                    _remove(path)
                elif os.path.lexists(saved := os.path.join(self.folder, name)):
                    _restore(saved, path)
            except OSError as error:
                lost.append(f"{path}: {error.strerror or error}")
        return lost

    def forget(self) -> None:
        """Forget what is kept."""
        self.index.forget()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.kept = {}


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _restore(saved: str, path: str) -> None:
    """Let what was kept take its place again; a file by a rename, so that the path is never without one."""
    if os.path.isdir(saved):
        _remove(path)
        shutil.move(saved, path)
        return
    beside = os.path.join(os.path.dirname(path), f"{paths.TEMPORARY}{os.path.basename(path)}.new")
    _remove(beside)
    _copy(saved, beside)
    os.replace(beside, path)


def _copy(path: str, to: str, *, link: bool = False) -> None:
    """Copy a file, or a folder with all below it; git's objects, which are never written to again, are linked."""
    if os.path.islink(path):
        os.symlink(os.readlink(path), to)
        return
    if not os.path.isdir(path):
        with contextlib.suppress(OSError):  # another file system
            if link:
                os.link(path, to)
                return
        shutil.copy2(path, to)
    else:
        os.mkdir(to)
        for name in os.listdir(path):
            _copy(os.path.join(path, name), os.path.join(to, name), link=link or name == "objects")
        shutil.copystat(path, to)
    _own(path, to)


def _own(path: str, to: str) -> None:
    info = os.stat(path)
    os.chown(to, info.st_uid, info.st_gid)
