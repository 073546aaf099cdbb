"""Other revisions than the one that is checked out: their files, from which this checkout's Strata compiles."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from strata.errors import StrataError, UsageError
from strata.paths import ROOT, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The command line of `strata`, with another root than its own.
ELSEWHERE = """
import sys
from pathlib import Path
from strata import paths
paths.ROOT = Path(sys.argv.pop(1))
from strata.cli import main
main()
"""

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
def checked_out(commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit, and with the state and the vendored roles of this checkout.

    Raises:
        StrataError: the commit pins other vendored roles than those that are here.

    """
    if _git("show", f"{commit}:{LOCK}") != _read(ROOT / LOCK):
        raise StrataError(
            f"{commit[:12]} pins other roles in {LOCK} than this checkout: check it out in a clone, and call "
            "bin/strata modules sync there"
        )
    folder = STATE / "catalogs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tree-", dir=folder) as made:
        tree = Path(made)
        with subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE) as archive:
            done = subprocess.run(["tar", "-x", "-C", str(tree)], stdin=archive.stdout, check=False)
        if archive.returncode or done.returncode:
            raise StrataError(f"the files of {commit[:12]} cannot be written to {tree}")
        (tree / STATE.name).symlink_to(STATE)
        vendored, link = ROOT / "vendor", tree / "vendor"
        if vendored.exists() and not link.exists():
            link.symlink_to(vendored)
        yield tree


def strata(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call this checkout's `strata` on the files of another tree, and return what it said."""
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    command = [sys.executable, "-P", "-c", ELSEWHERE, str(tree), *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def moved(path: Path, tree: Path) -> Path:
    """Return a path of this checkout as it is in another tree; others, and those of its state, as they are."""
    ours = path.is_relative_to(ROOT) and not path.is_relative_to(STATE)
    return tree / path.relative_to(ROOT) if ours else path


def _git(*arguments: str) -> str:
    """Return what git says, "" if it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
