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
    if one differs. `tip` is the commit that it ends with, None for the files as they are; `onto` is the commit that it
    is meant for, which may have gone on since `base`.
    """

    base: str
    paths: tuple[str, ...]
    present: frozenset[str]
    newer: Path
    older: Path
    tip: str | None = None
    onto: str = ""


@contextmanager
def changed(root: Path, given: str | None) -> Iterator[Change]:
    """Give the change of a range A..B of git in the checkout at `root`; None is what the branch and its files bring.

    Raises:
        UsageError: the range can't be read, git knows no such revision, or it lacks the history.

    """
    git = _Git(root)
    onto, base, tip = _ends(git, given)
    with TemporaryDirectory(prefix="strata-affected-") as folder:
        older, newer = Path(folder, "older"), Path(folder, "newer") if tip else root
        differing = set(git.paths("diff", "--name-only", "--no-renames", base, *([tip] if tip else [])))
        if tip:
            present = frozenset(git.paths("ls-tree", "-r", "--name-only", tip))
            git.write(tip, newer, present)
            # What modules.lock pins is no part of a revision.
            if not (newer / "vendor").exists():
                (newer / "vendor").symlink_to(root / "vendor")
        else:
            new = git.paths("ls-files", "--others", "--exclude-standard")
            differing.update(new)
            listed = [*git.paths("ls-files"), *new]
            present = frozenset(path for path in listed if (root / path).is_symlink() or (root / path).is_file())
        whole = WHOLE if any(path.startswith(WHOLE) for path in differing) else ()
        former = git.paths("ls-tree", "-r", "--name-only", base)
        git.write(base, older, [path for path in former if path in differing or (whole and path.startswith(whole))])
        yield Change(base, tuple(sorted(differing)), present, newer, older, tip, onto)


def _ends(git: _Git, given: str | None) -> tuple[str, str, str | None]:
    """Return the commits that a change is meant for, begins at, and ends with, None for the files as they are."""
    shallow = git.tried("rev-parse", "--is-shallow-repository")
    if shallow is None:
        raise UsageError(f"{git.root}: is no git repository, so that nothing is known of a change")
    if shallow == "true":
        raise UsageError("the clone is shallow, so that git can't say where a change begins: git fetch --unshallow")
    if given is None:
        start = next((name for name in MAIN if git.commit(name)), None)
        if start is None:
            raise UsageError(f"there is no {' or '.join(MAIN)} to compare with: name a range A..B")
        return git.commit(start) or start, _common(git, start, "HEAD"), None
    first, dots, last = given.partition("..")
    if not dots or ".." in last or last.startswith("."):
        raise UsageError(f"{given!r} is no range A..B of two revisions")
    for name in (first, last):
        if name and not git.commit(name):
            raise UsageError(f"{given!r}: git knows no commit {name!r}")
    first, last = first or "HEAD", last or "HEAD"
    return git.commit(first) or first, _common(git, first, last), git.commit(last)


def _common(git: _Git, first: str, last: str) -> str:
    found = git.tried("merge-base", first, last)
    if found is None:
        raise UsageError(f"{first} and {last} have no commit in common, so that there is no change between them")
    return found


@dataclass(frozen=True)
class _Git:
    root: Path

    def tried(self, *arguments: str) -> str | None:
        """Return what a command prints, without the end of its last line; None if it fails."""
        done = self._run(arguments)
        return None if done.returncode else done.stdout.strip()

    def commit(self, name: str) -> str | None:
        """Return the commit of a revision, which is never an option, whatever it begins with."""
        return self.tried("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def paths(self, command: str, *arguments: str) -> list[str]:
        """Return the paths that a command prints, which can't go wrong."""
        done = self._run((command, "-z", *arguments))
        done.check_returncode()
        return [path for path in done.stdout.split("\0") if path]

    def write(self, revision: str, folder: Path, paths: Iterable[str]) -> None:
        """Write files of a revision into a folder, by an index of its own."""
        folder.mkdir()
        settings = {"GIT_INDEX_FILE": f"{folder}.index"}
        self._run(("read-tree", revision), settings).check_returncode()
        command = ("checkout-index", "-z", "--stdin", f"--prefix={folder}/")
        self._run(command, settings, "\0".join(paths)).check_returncode()

    def _run(
        self, arguments: tuple[str, ...], settings: dict[str, str] | None = None, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**inherited, **(settings or {})},
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
