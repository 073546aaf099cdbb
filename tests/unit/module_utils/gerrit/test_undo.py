"""What was there before a change of Gerrit: it comes back, also what a killed run has changed before."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.strata.gerrit.undo import Undo


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "undo")


def test_files_folders_and_nothing_come_back(tmp_path: Path, folder: str) -> None:
    file, tree, new = tmp_path / "file", tmp_path / "tree", tmp_path / "new"
    file.write_text("old")
    file.chmod(0o640)
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "one").write_text("1")
    (tree / "link").symlink_to("deep/one")
    undo = Undo(folder)
    undo.keep([str(path) for path in (file, tree, new)])
    assert undo.pending
    file.write_text("changed")
    file.chmod(0o600)
    (tree / "deep" / "one").unlink()
    (tree / "two").write_text("2")
    new.mkdir()
    (new / "x").touch()
    assert undo.restore() == []
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("old", 0o640)
    assert sorted(path.name for path in tree.iterdir()) == ["deep", "link"]
    assert (tree / "link").read_text() == "1"
    assert not new.exists()
    undo.forget()
    assert not Undo(folder).pending
    assert not Path(folder).exists()


def test_what_a_killed_run_kept_is_what_counts(tmp_path: Path, folder: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("served")
    second.write_text("served too")
    Undo(folder).keep([str(first)])
    first.write_text("half done")
    later = Undo(folder)
    assert later.pending
    later.keep([str(first), str(second)])
    first.write_text("new")
    second.write_text("new")
    assert later.restore() == []
    assert (first.read_text(), second.read_text()) == ("served", "served too")


def test_restoring_can_be_repeated(tmp_path: Path, folder: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "one").write_text("1")
    undo = Undo(folder)
    undo.keep([str(tree)])
    assert undo.restore() == []
    assert Undo(folder).restore() == []
    assert (tree / "one").read_text() == "1"


def test_what_cannot_be_restored_is_named(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("x")
    undo = Undo(folder)
    undo.keep([str(file)])
    file.unlink()
    file.parent.rmdir()
    assert undo.restore() == [f"{file}: No such file or directory"]
