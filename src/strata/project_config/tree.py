"""The tree as files: nothing outside of it is read or written, wherever its links lead."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from strata import whole
from strata.repository.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECTS = PurePosixPath("gerrit/projects.yaml")
ACLS = PurePosixPath("gerrit/acls")
SUFFIX = ".config"
MAX_SIZE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Tree:
    """The project-config at `root`."""

    root: Path

    @cached_property
    def _real_root(self) -> str:
        return os.path.realpath(self.root)

    def source(self, path: PurePosixPath) -> Source:
        """Return a file of the tree, for messages."""
        return Source(self.root, self.root / path)

    def exists(self, path: PurePosixPath) -> bool:
        """Return whether something has this name, be it a link that leads nowhere."""
        return os.path.lexists(self.root / path)

    def read(self, path: PurePosixPath) -> str:
        """Return the text of a regular file of the tree. Raises BrokenFileError."""
        source = self.source(path)
        try:
            real = self._real(path)
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):
                raise source.broken(1, "is not a regular file")
            if status.st_size > MAX_SIZE:
                raise source.broken(1, f"is larger than {MAX_SIZE >> 20} MB")
            return real.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise source.broken(error.object.count(b"\n", 0, error.start) + 1, "is not UTF-8") from None
        except (OSError, ValueError) as error:
            raise source.broken(1, f"can't be read: {error}") from None

    def write(self, path: PurePosixPath, text: str) -> None:
        """Replace a file of the tree in one step; its mode and, for root, its owner stay. Raises BrokenFileError."""
        real = self._real(path)
        try:
            status = real.stat()
            owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else None
            whole.write(real, text.encode(), stat.S_IMODE(status.st_mode), owner)
        except OSError as error:
            raise self.source(path).broken(1, f"can't be written: {error}") from None

    def acl_files(self) -> Iterator[PurePosixPath]:
        """Yield the files and links below gerrit/acls, sorted; links are not followed, nor is acls if it leaves."""
        if self.leaves(ACLS):
            yield ACLS
            return
        found = []
        for folder, folders, files in os.walk(self.root / ACLS):
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
            found += [PurePosixPath(Path(folder, name).relative_to(self.root)) for name in (*files, *links)]
        yield from sorted(path for path in found if not path.name.startswith("."))

    def leaves(self, path: PurePosixPath) -> bool:
        """Return whether a path leads out of the tree by links."""
        real = os.path.realpath(self.root / path)
        return os.path.commonpath([real, self._real_root]) != self._real_root

    def _real(self, path: PurePosixPath) -> Path:
        if self.leaves(path):
            raise self.source(path).broken(1, "is a link that leaves the tree, or stands behind one: refused")
        return Path(os.path.realpath(self.root / path))
