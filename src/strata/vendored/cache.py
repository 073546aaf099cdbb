"""The cache: a bare repository for each URL, whose objects are believed only when their contents make their names."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from strata.vendored.git import Git, GitError, GitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strata.vendored.lock import Pin

SHA1_LENGTH = 40

#: Names that are asked for at once: so many fit into a pipe, and neither side ever waits for the other.
WINDOW = 500

MAX_OBJECT = 64 << 20
MAX_PACK_FILES = 60

_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-show-forced-updates")
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_NOT_SO = re.compile(r"not our ref|unadvertised object|not support shallow|couldn't find remote ref|want \w+ not valid")


class MissingError(GitError):
    """The repository has not got an object, or has a broken one."""


@dataclass(frozen=True)
class CachedRepository:
    """The bare repository in `folder`, which needs not exist, of a URL."""

    git: Git
    folder: Path
    url: str

    def fetch(self, pin: Pin, *, history: bool = False) -> None:
        """Get a pin's commit: only it if the server gives it so, else with all branches and tags.

        Args:
            pin: which commit.
            history: whether to get all that led to it as well.

        Raises:
            GitError: the server can't be reached, or has no such commit.

        """
        existed = self.folder.exists()
        if self._worn():
            self.renew(pin, history=history)
            return
        try:
            self._fetch(pin, history=history)
        except GitTimeoutError:
            raise
        except GitError:
            if not existed:
                raise
            # What a killed git has left there may be in its way.
            self.renew(pin, history=history)

    def renew(self, pin: Pin, *, history: bool = False) -> None:
        """Replace the repository by a new one with a pin's commit, as `fetch`; it stays if that fails."""
        with tempfile.TemporaryDirectory(prefix="new-", dir=self.folder.parent) as place:
            new = CachedRepository(self.git, Path(place) / self.folder.name, self.url)
            new._fetch(pin, history=history)
            if self.folder.exists():
                self.folder.rename(Path(place) / "old")
            new.folder.rename(self.folder)

    def _worn(self) -> bool:
        """Return whether there are so many packs that a new repository is better; each fetch adds one."""
        packs = self.folder / "objects/pack"
        return packs.is_dir() and len(list(packs.iterdir())) > MAX_PACK_FILES

    def _fetch(self, pin: Pin, *, history: bool) -> None:
        self._make(pin.sha)
        shallow = (self.folder / "shallow").exists()
        depth = [] if history and not shallow else ["--unshallow"] if history else ["--depth=1"]
        try:
            self.git.run(self.folder, *_FETCH, *depth, "--", self.url, f"+{pin.sha}:refs/strata/locked")
        except GitError as error:
            if not _NOT_SO.search(str(error)):
                raise
            own = [f"+{pin.ref}:refs/strata/ref"] if re.match(r"refs/(?!heads/|tags/)", pin.ref) else []
            depth = ["--unshallow"] if shallow else []
            self.git.run(self.folder, *_FETCH, *depth, "--", self.url, *_ALL, *own)

    @contextmanager
    def objects(self, sha: str) -> Iterator[Objects]:
        """Open the objects for reading; `sha` tells of which kind their names are. Raises GitError."""
        process = self.git.start(self.folder, "cat-file", "--batch", stdin=subprocess.PIPE)
        try:
            assert process.stdin is not None  # noqa: S101 - for the type checker
            assert process.stdout is not None  # noqa: S101
            yield Objects(process.stdin, process.stdout, _algorithm(sha))
        finally:
            self.git.end(process)

    def _make(self, sha: str) -> None:
        """Make an empty repository as `git init --bare` would, without a process of its own and without templates."""
        if (self.folder / "HEAD").exists():
            return
        for name in ("objects/pack", "objects/info", "refs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        sha256 = _algorithm(sha) != "sha1"
        extension = "[extensions]\n\tobjectformat = sha256\n" if sha256 else ""
        (self.folder / "config").write_text(
            f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n{extension}"
        )
        # Last, as git takes no folder without it for a repository.
        (self.folder / "HEAD").write_text("ref: refs/heads/none\n")


@dataclass(frozen=True)
class Objects:
    """The objects of a repository, through the pipes of `git cat-file --batch`."""

    requests: IO[bytes]
    answers: IO[bytes]
    algorithm: str

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield kind and content of each object.

        Raises:
            MissingError: one is not there, or its content does not make its name.
            GitError: one is too large.

        """
        for start in range(0, len(names), WINDOW):
            window = names[start : start + WINDOW]
            try:
                self.requests.write("".join(f"{name}\n" for name in window).encode())
                self.requests.flush()
            except BrokenPipeError:
                raise MissingError("the cached repository can't be read") from None
            for name in window:
                yield self._answer(name)

    def one(self, name: str, kind: str) -> bytes:
        """Return an object that must be of a kind. Raises MissingError and GitError."""
        ((found, content),) = self.read([name])
        if found != kind:
            raise GitError(f"{name} is a {found}, not a {kind}")
        return content

    def _answer(self, name: str) -> tuple[str, bytes]:
        header = self.answers.readline().decode().split()
        if len(header) != 3 or header[0] != name:  # noqa: PLR2004 - name, kind, size
            raise MissingError(f"there is no object {name}")
        _, kind, size = header
        if int(size) > MAX_OBJECT:
            raise GitError(f"the {kind} {name} has {int(size) >> 20} MB, more than {MAX_OBJECT >> 20}")
        content = self.answers.read(int(size) + 1)[:-1]
        if object_name(kind, content, self.algorithm) != name:
            raise MissingError(f"the object {name} is broken")
        return kind, content


def object_name(kind: str, content: bytes, algorithm: str) -> str:
    """Return the name that git gives to an object."""
    header = f"{kind} {len(content)}\0".encode()
    return hashlib.new(algorithm, header + content, usedforsecurity=False).hexdigest()


def _algorithm(sha: str) -> str:
    return "sha1" if len(sha) == SHA1_LENGTH else "sha256"
