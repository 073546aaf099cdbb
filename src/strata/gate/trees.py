"""The files that are judged: the checkout as it stands, or trees of other revisions beside it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.affected.change import ELSEWHERE
from strata.errors import StrataError, UsageError
from strata.paths import BIN, ROOT, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from strata.affected.change import Change

#: The command line of `strata`, with another root than its own.
JUDGING = """
import sys
from pathlib import Path
from strata import paths
paths.ROOT = Path(sys.argv.pop(1))
from strata.cli import main
main()
"""
#: What the environment of a revision is made of.
ENVIRONMENT = "requirements.txt"


@dataclass(frozen=True)
class Tree:
    """A tree of files whose tools are those of this checkout, and whose hosts are in its state."""

    root: Path

    def strata(self, *arguments: str) -> list[str]:
        """Return the command line of the tree's own `strata`."""
        return [sys.executable, "-P", "-m", "strata", *arguments]

    def judging(self, other: Tree, *arguments: str) -> list[str]:
        """Return the command line of the tree's own `strata` on the files of another tree."""
        return [sys.executable, "-P", "-c", JUDGING, str(other.root), *arguments]

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment in which the tree's programs find its files, and no others."""
        inherited = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        own = {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(self.root / "src"), "NO_COLOR": "1"}
        return {**inherited, **own, **settings}


@dataclass(frozen=True)
class Trees:
    """All trees of a run: `head` is judged, others are made in `folder` when they are asked for."""

    folder: Path
    head: Tree
    change: Change

    @contextmanager
    def former(self, name: str) -> Iterator[Tree]:
        """Give the tree of the base."""
        with worktree(self.change.base, self.folder / name) as tree:
            yield tree

    @contextmanager
    def mixed(self, name: str, former: Sequence[str]) -> Iterator[Tree]:
        """Give a tree as it is judged, but for some paths, which are as the base has them."""
        with worktree(self.change.tip or "HEAD", self.folder / name) as tree:
            if self.change.tip is None:
                for path in self.change.paths:
                    _copy(self.head.root / path, tree.root / path)
            known = former_paths(self.change.base)
            for path in former:
                (tree.root / path).unlink(missing_ok=True)
                if path in known:
                    _git(tree.root, "checkout", "--quiet", self.change.base, "--", path)
            yield tree


@contextmanager
def trees(folder: Path, change: Change) -> Iterator[Trees]:
    """Give the trees of a change; those that are made for it stand in `folder` and are removed in the end.

    Raises:
        UsageError: the files are in the middle of a merge, or need another environment than this checkout has.

    """
    tip = change.tip
    conflicts = [line.partition("\t")[2] for line in _git(ROOT, "ls-files", "-u", "-z").split("\0") if line]
    if conflicts and tip is None:
        raise UsageError(f"{conflicts[0]}: the merge has conflicts: resolve them and `git add` the file")
    if tip is None or (tip == _git(ROOT, "rev-parse", "HEAD").strip() and not _git(ROOT, "status", "--porcelain")):
        yield Trees(folder, Tree(ROOT), change)
        return
    if _git(ROOT, "show", f"{tip}:{ENVIRONMENT}", missing_ok=True) != (ROOT / ENVIRONMENT).read_text(encoding="utf-8"):
        raise UsageError(f"{tip[:12]} has another {ENVIRONMENT} than what is checked out: check it out to gate it")
    with worktree(tip, folder / "head") as head:
        yield Trees(folder, head, change)


@contextmanager
def locked() -> Iterator[None]:
    """Keep other gates away from the hosts and reports of this checkout. Raises StrataError."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "gate.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StrataError("another gate is at work in this checkout: wait until it has ended") from None
        yield


def former_paths(base: str) -> frozenset[str]:
    """Return the paths of the files that the base has."""
    return frozenset(_git(ROOT, "ls-tree", "-r", "-z", "--name-only", base).split("\0"))


@contextmanager
def worktree(revision: str, path: Path) -> Iterator[Tree]:
    """Give a tree of a revision, which is removed in the end, whatever happens. Raises StrataError."""
    try:
        _git(ROOT, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(path), revision)
        (path / ".strata").symlink_to(STATE)
        if (ROOT / "vendor").exists():  # what modules.lock pins is no part of a revision
            (path / "vendor").mkdir(exist_ok=True)
            for entry in (ROOT / "vendor").iterdir():
                (path / "vendor" / entry.name).symlink_to(entry)
        yield Tree(path)
    finally:
        # Given twice, as git locks a worktree that it has not finished to make.
        _git(ROOT, "worktree", "remove", "--force", "--force", str(path), missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Make a file what another one is, also nothing."""
    target.unlink(missing_ok=True)
    if source.is_symlink() or source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def _git(root: Path, *arguments: str, missing_ok: bool = False) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name not in ELSEWHERE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        start_new_session=True,
    )
    if done.returncode and not missing_ok:
        raise StrataError(f"git {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout
