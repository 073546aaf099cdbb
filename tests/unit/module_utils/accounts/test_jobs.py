"""What the system would run for a user who has gone: it is found by name and by number, and goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.accounts import jobs

if TYPE_CHECKING:
    from pathlib import Path

UID = 54321

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="gives files to users, which only root can")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with jobs of alice, who has that uid, and of bob."""
    monkeypatch.setattr(jobs, "NAMED", (f"{tmp_path}/cron", f"{tmp_path}/linger"))
    monkeypatch.setattr(jobs, "OWNED", f"{tmp_path}/at")
    for folder, names in {"cron": ("alice", "bob"), "at": ("a1", "b1")}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    os.chown(tmp_path / "at" / "a1", UID, UID)
    return tmp_path


def test_all_that_is_of_a_user_goes_and_nothing_of_others(spool: Path) -> None:
    found = jobs.find("alice", UID)
    assert found == [f"{spool}/at/a1", f"{spool}/cron/alice"]
    jobs.remove(found)
    assert jobs.find("alice", UID) == []
    assert sorted(path.name for path in spool.rglob("*") if path.is_file()) == ["b1", "bob"]


def test_jobs_of_a_number_that_others_have_too_stay(spool: Path) -> None:
    assert jobs.find("alice", None) == [f"{spool}/cron/alice"]
