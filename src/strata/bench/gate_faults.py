"""Seeded faults: patches with faults that people really make, and which check of the gate catches each."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import processes
from strata.errors import StrataError, UsageError, nearest
from strata.gate.trees import Tree, worktree
from strata.paths import REPORTS, ROOT, STATE, shown
from strata.sandbox.hosts import Sandbox

FOLDER = ROOT / "tests/gate_faults"
LOGS = REPORTS / "gate-faults"
#: The share of faults that the gate has to catch.
WANTED = 0.95
#: The name of this benchmark.
NAME = "gate-faults"

#: The kinds of faults; each is there at least once.
KINDS = (
    "certificate not renewed where it is used",
    "changed_when that hides",
    "check mode that writes",
    "dependency missing",
    "fault at the reboot",
    "fault only on Debian 12",
    "fault only on IPv6",
    "fault only on the second run",
    "fault only on upgrade",
    "handler that never fires",
    "inverted condition",
    "key left behind",
    "non-idempotent task",
    "port not opened",
    "role that works only after another",
    "rule in the wrong order",
    "secret in output",
    "template typo",
    "unsorted output",
    "vhost that answers for another's name",
    "wrong default",
    "wrong mode or owner",
)

_HEADER = re.compile(r"(?P<what>[A-Z].+\.)\nKind: (?P<kind>.+)\n\ndiff --git ")
_AUTHOR = ("-c", "user.name=gate-faults", "-c", "user.email=gate-faults@example.org")


@dataclass(frozen=True)
class Fault:
    """A patch: what is wrong with it, in one sentence, and of which kind that is."""

    name: str
    what: str
    kind: str
    path: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: the check that caught it, nothing if none did, and after how many seconds."""

    fault: Fault
    check: str
    seconds: float

    def row(self) -> tuple[object, ...]:
        """Return the fault's line of the table."""
        return self.fault.name, self.fault.kind, "caught" if self.check else "missed", self.check, round(self.seconds)


def names() -> list[str]:
    """Return the names of all faults."""
    return sorted(path.stem for path in FOLDER.glob("*.patch"))


def load(name: str) -> Fault:
    """Read a fault.

    Raises:
        UsageError: there is none of this name.
        StrataError: its first lines don't say what it is.

    """
    path = FOLDER / f"{name}.patch"
    if name not in names():
        raise UsageError(f"there is no fault {name!r}{nearest(name, names()) or f': see {shown(FOLDER)}'}")
    found = _HEADER.match(path.read_text(encoding="utf-8"))
    if not found:
        message = "must begin with a sentence, a line `Kind: ...` and an empty line before the patch"
        raise StrataError(f"{shown(path)}: {message}")
    if found["kind"] not in KINDS:
        raise StrataError(f"{shown(path)}:2: there is no kind {found['kind']!r}{nearest(found['kind'], KINDS)}")
    return Fault(name, found["what"], found["kind"], path)


def try_out(fault: Fault) -> Outcome:
    """Commit a fault on top of HEAD in a tree of its own, and gate that commit; the tree is removed in the end.

    Raises:
        StrataError: the patch does not apply, or the gate did not come to a verdict.
        Interrupted: a signal has come; hosts that the gate had booted are removed.

    """
    before = _sandboxes()
    try:
        return _try_out(fault)
    except processes.Interrupted:  # the gate has no time to remove all that is its own
        for name in _sandboxes() - before:
            Sandbox(name).down()
        raise
    finally:
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=False)


def _sandboxes() -> set[str]:
    return {path.name for path in (STATE / "sandboxes").glob("*")}


def _try_out(fault: Fault) -> Outcome:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{fault.name}.log"
    with tempfile.TemporaryDirectory(prefix="strata-fault-") as folder, worktree("HEAD", Path(folder) / "tree") as tree:
        commit(fault, tree)
        report = tree.root / ".strata/reports/gate/report.json"
        report.unlink(missing_ok=True)
        start = time.monotonic()
        with log.open("w") as stream:
            command = tree.strata("gate", "HEAD~1..HEAD", "--first")
            environment = tree.environment(TMPDIR=folder)  # its own trees go with ours
            processes.run(command, cwd=tree.root, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        if not report.exists():
            raise StrataError(f"{fault.name}: the gate came to no verdict, see {shown(log)}")
        return Outcome(fault, caught_by(json.loads(report.read_text())), time.monotonic() - start)


def commit(fault: Fault, tree: Tree) -> None:
    """Apply a fault to a tree and commit it. Raises StrataError if it does not apply."""
    for command in (["apply", "--index", fault.path], [*_AUTHOR, "commit", "--quiet", "--no-verify", "-m", fault.what]):
        done = processes.run(
            ["git", *command], cwd=tree.root, env=tree.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            raise StrataError(f"{shown(fault.path)}: {' '.join(done.stdout.split())}")


def caught_by(report: dict[str, Any]) -> str:
    """Return the name of the check that failed, nothing if none did; one that is flaky has caught nothing."""
    return next((check["name"] for check in report["checks"] if check["verdict"] == "failed"), "")


def share(outcomes: Sequence[Outcome]) -> str:
    """Return how many faults were caught, as a line for people."""
    caught = sum(bool(outcome.check) for outcome in outcomes)
    return f"{caught} of {len(outcomes)} caught ({caught / len(outcomes):.0%}; at least {WANTED:.0%} must be)"
