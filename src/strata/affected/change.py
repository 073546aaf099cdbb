"""The change that is meant: which files differ between two states of the repository, and both states of them."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from strata.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Branches that changes are meant for, the best one first.
MAIN = ("origin/main", "main")
#: What site.yml and inventories say is read as a whole, on both sides.
WHOLE = ("inventories/", "site.yml")
#: What git tells the hooks that it runs, which need not be about this checkout.
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True)
class Change:
    """A change: the commit that it begins at, and the paths of the files that differ, those that are gone too.

    `newer` is a checkout with the files `present`; `older` has the former state of what differs, and of all inventories
    if one differs.
    """

    base: str
    paths: tuple[str, ...]
    present: frozenset[str]
    newer: Path
    older: Path


@contextmanager
def changed(root: Path, given: str | None) -> Iterator[Change]:
    """Give the change of a range A..B of git in the checkout at `root`; None is what the branch and its files bring.

    Raises:
        UsageError: the range can't be read, git knows no such revision, or it lacks the history.

    """
    git = _Git(root)
    base, tip = _ends(git, given)
    with TemporaryDirectory(prefix="strata-affected-") as folder:
        older, newer = Path(folder, "older"), Path(folder, "newer") if tip else root
        differing = {*git.paths("diff", "--name-only", "--no-renames", base, *([tip] if tip else [])), *_new(git, tip)}
        known = set(git.paths("ls-tree", "-r", "--name-only", base))
        whole = WHOLE if any(path.startswith(WHOLE) for path in differing) else ()
        git.write(base, older, {path for path in known if path in differing or (whole and path.startswith(whole))})
        if tip:
            present = frozenset(git.paths("ls-tree", "-r", "--name-only", tip))
            git.write(tip, newer, present)
            # What modules.lock pins is no part of a revision.
            (newer / "vendor").symlink_to(root / "vendor")
        else:
            listed = git.paths("ls-files", "--cached", "--others", "--exclude-standard")
            present = frozenset(path for path in listed if (root / path).is_symlink() or (root / path).is_file())
        yield Change(base, tuple(sorted(differing)), present, newer, older)


def _ends(git: _Git, given: str | None) -> tuple[str, str | None]:
    """Return the commit that a change begins at, and the one that it ends with, None for the files as they are."""
    if not git.works("rev-parse", "--git-dir"):
        raise UsageError(f"{git.root}: is no git repository, so that nothing is known of a change")
    if git.output("rev-parse", "--is-shallow-repository").strip() == "true":
        raise UsageError("the clone is shallow, so that git can't say where a change begins: git fetch --unshallow")
    if given is None:
        start = next((name for name in MAIN if git.works("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")), "")
        if not start:
            raise UsageError(f"there is no {' or '.join(MAIN)} to compare with: name a range A..B")
        return _common(git, start, "HEAD"), None
    first, dots, last = given.partition("..")
    if not dots or ".." in last or last.startswith("."):
        raise UsageError(f"{given!r} is no range A..B of two revisions")
    for name in (first, last):
        # A revision is never an option, whatever it begins with.
        if name and not git.works("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"):
            raise UsageError(f"{given!r}: git knows no commit {name!r}")
    tip = git.output("rev-parse", "--verify", "--end-of-options", f"{last or 'HEAD'}^{{commit}}").strip()
    return _common(git, first or "HEAD", tip), tip


def _common(git: _Git, first: str, last: str) -> str:
    if not git.works("merge-base", first, last):
        raise UsageError(f"{first} and {last} have no commit in common, so that there is no change between them")
    return git.output("merge-base", first, last).strip()


def _new(git: _Git, tip: str | None) -> list[str]:
    return [] if tip else git.paths("ls-files", "--others", "--exclude-standard")


@dataclass(frozen=True)
class _Git:
    root: Path

    def works(self, *arguments: str) -> bool:
        """Return whether a command ends well."""
        return self._run(arguments).returncode == 0

    def output(self, *arguments: str) -> str:
        """Return what a command that can't go wrong prints."""
        done = self._run(arguments)
        done.check_returncode()
        return done.stdout

    def paths(self, command: str, *arguments: str) -> list[str]:
        """Return the paths that a command prints."""
        return [path for path in self.output(command, "-z", *arguments).split("\0") if path]

    def write(self, revision: str, folder: Path, paths: Iterable[str]) -> None:
        """Write files of a revision into a folder, by an index of its own."""
        folder.mkdir()
        settings = {"GIT_INDEX_FILE": f"{folder}.index"}
        self._run(("read-tree", revision), settings).check_returncode()
        command = ("checkout-index", "-z", "--stdin", f"--prefix={folder}/")
        self._run(command, settings, "\0".join(sorted(paths))).check_returncode()

    def _run(
        self, arguments: tuple[str, ...], settings: dict[str, str] | None = None, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**{name: value for name, value in os.environ.items() if name not in ELSEWHERE}, **(settings or {})},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
