"""The guard of changes: who decides, and the script that undoes."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import files, paths, rollback
from ansible.module_utils.strata.files import Change, File, Link
from ansible.module_utils.strata.rollback import Rollback, RollbackError

if TYPE_CHECKING:
    from pathlib import Path


def run(command: list[str]) -> tuple[int, str, str]:
    """Run what needs no systemd."""
    if command[0] in {"systemd-run", "systemctl"}:
        return 0, "", ""
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rollback:
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "strata"))
    monkeypatch.setattr(files.os, "fchown", lambda *_: None)
    return Rollback("trial", run)


def test_only_one_decides(pending: Rollback) -> None:
    change = pending.arm(30, rollback.script("true\n", "a note"))
    assert pending.confirm(change)
    assert not pending.confirm("another")
    assert pending.note() == "a note"


def test_a_confirmation_whose_answer_got_lost_is_given_again(pending: Rollback, tmp_path: Path) -> None:
    change = pending.arm(30, rollback.script(f"touch {tmp_path}/undone || status=1\n"))
    assert not pending.was_kept(change)
    assert pending.confirm(change)
    assert pending.confirm(change), "the one who confirmed it died before he kept it"
    pending.keep()
    assert pending.was_kept(change)
    assert not pending.confirm(change)
    assert not list((tmp_path / "strata").iterdir())
    later = pending.arm(30, rollback.script(f"touch {tmp_path}/undone || status=1\n"))
    assert later != change
    assert not pending.was_kept(later)
    assert not pending.was_kept("")
    assert pending.withdraw()["restored"]
    assert not pending.confirm(later)
    assert (tmp_path / "undone").exists()


def test_what_is_confirmed_is_not_withdrawn(pending: Rollback, tmp_path: Path) -> None:
    assert pending.confirm(pending.arm(30, rollback.script(f"touch {tmp_path}/undone || status=1\n")))
    pending.keep()
    assert not pending.resolve()
    assert not (tmp_path / "undone").exists()
    assert not list((tmp_path / "strata").iterdir())


def test_what_nobody_decided_is_undone_by_the_next_run(pending: Rollback, tmp_path: Path) -> None:
    pending.arm(30, rollback.script(f"touch {tmp_path}/undone || status=1\n"))
    assert pending.resolve()
    assert (tmp_path / "undone").exists()
    assert not list((tmp_path / "strata").iterdir())


def test_a_rollback_that_fails_is_said_and_kept(pending: Rollback, tmp_path: Path) -> None:
    pending.arm(30, rollback.script("ls /nowhere || status=1\n"))
    with pytest.raises(RollbackError, match=r"could not be undone: .*/nowhere"):
        pending.withdraw()
    assert [path.name for path in (tmp_path / "strata").iterdir()] == ["trial-rollback.running"]


def test_the_script_does_what_undo_does(tmp_path: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    paths = [str(tmp_path / name) for name in ("made", "changed 'name", "removed", "link", "- gone link")]
    before = [None, File(b"\x00\xff'$x\n", 0o640, uid, gid), File(b"", 0o600, uid, gid), Link("a b"), Link("x")]
    after = [File(b"n", 0o644, uid, gid), File(b"n", 0o600, uid, gid), None, Link("c"), None]
    changes = [Change(*each) for each in zip(paths, before, after, strict=True)]
    files.apply(Change(change.path, None, change.before) for change in changes)
    files.apply(changes)
    done = subprocess.run(["sh", "-c", "status=0\n" + files.undoing(changes) + "exit $status"], check=True)
    assert done.returncode == 0
    assert [files.read(path) for path in paths] == before


@pytest.mark.parametrize("delay", [0, 5, 30, 3600])
def test_a_delay_that_can_be_kept(delay: int) -> None:
    assert rollback.check_delay(delay) == delay


@pytest.mark.parametrize("delay", [-1, 1, 4, 3601])
def test_a_delay_that_cannot_be_kept(delay: int) -> None:
    with pytest.raises(RollbackError, match=f"rollback_delay: {delay} must be 5 to 3600 seconds, or 0"):
        rollback.check_delay(delay)
