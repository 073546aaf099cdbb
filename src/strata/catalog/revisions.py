"""Other revisions than the one that is checked out: their files, from which this checkout's Strata compiles."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from strata.errors import StrataError, UsageError
from strata.paths import ROOT, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a revision pins of other repositories.
LOCK = "modules.lock"


def current() -> str:
    """Return the commit that is checked out, with "-dirty" if files differ from it; "" outside git."""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return ""
    return commit + ("-dirty" if _git("status", "--porcelain") else "")


def commit_of(revision: str) -> str:
    """Return the commit that a revision means. Raises UsageError if there is none."""
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found:
        raise UsageError(f"{revision}: there is no such revision")
    return found


@contextmanager
def files_of(commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit, or of the checkout as they are if it is "", without its state.

    Raises:
        StrataError: the commit pins other vendored roles than those that are here, or the files cannot be read.

    """
    if commit and _git("show", f"{commit}:{LOCK}") != _read(ROOT / LOCK):
        raise StrataError(
            f"{commit[:12]} pins other roles in {LOCK} than this checkout: check it out in a clone, and call "
            "bin/strata modules sync there"
        )
    folder = STATE / "catalogs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tree-", dir=folder) as made:
        tree = Path(made)
        if commit:
            _extract(commit, tree)
        else:
            _copy(tree)
        yield tree


def _extract(commit: str, tree: Path) -> None:
    with subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE) as archive:
        done = subprocess.run(["tar", "-x", "-C", str(tree)], stdin=archive.stdout, check=False)
    if archive.returncode or done.returncode:
        raise StrataError(f"the files of {commit[:12]} cannot be written to {tree}")


def _copy(tree: Path) -> None:
    """Copy what git knows, and what it would take, but not what it ignores."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if not listed:
        raise StrataError(f"{ROOT}: git knows no file there, and only of those the files are compared")
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir() and not source.is_symlink():  # a repository of its own
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        elif os.path.lexists(source):
            shutil.copy2(source, target, follow_symlinks=False)


def _git(*arguments: str) -> str:
    """Return what git says, "" if it fails."""
    # What git tells the hooks that it runs need not be about this checkout.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
