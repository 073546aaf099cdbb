"""What was there before a change of Gerrit: it comes back, also what a killed run has changed before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.folders import LinkError
from ansible.module_utils.strata.gerrit import undo as undo_module
from ansible.module_utils.strata.gerrit.undo import Undo

if TYPE_CHECKING:
    from typing import BinaryIO

ROOT = os.geteuid() == 0
USER = 54321


def tips(path: str) -> str:
    """What tells the state of a repository that is but one file."""
    return (Path(path) / "refs").read_text()


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
    undo = Undo(folder, tips)
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
    assert not Undo(folder, tips).pending
    assert not Path(folder).exists()


def test_what_a_killed_run_kept_is_what_counts(tmp_path: Path, folder: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("served")
    second.write_text("served too")
    Undo(folder, tips).keep([str(first)])
    first.write_text("half done")
    later = Undo(folder, tips)
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
    undo = Undo(folder, tips)
    undo.keep([str(tree)])
    assert undo.restore() == []
    assert Undo(folder, tips).restore() == []
    assert (tree / "one").read_text() == "1"


def test_what_cannot_be_restored_is_named(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("x")
    undo = Undo(folder, tips)
    undo.keep([str(file)])
    file.unlink()
    file.parent.rmdir()
    assert undo.restore() == [f"{file}: No such file or directory"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "All-Users.git"
    (path / "objects").mkdir(parents=True)
    (path / "objects" / "one").write_text("1")
    (path / "refs").write_text("old")
    return path


def upgraded(folder: str, repository: Path) -> Undo:
    """What is kept by a run that has migrated a repository."""
    undo = Undo(folder, tips)
    undo.keep([str(repository)])
    undo.note_tips([str(repository)], changing=False)
    undo.note_tips([str(repository)], changing=True)
    (repository / "refs").write_text("migrated")
    undo.note_tips([str(repository)], changing=False)
    return undo


def test_a_repository_that_moved_after_the_upgrade_stays(folder: str, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "war").write_text("old")
    upgraded(folder, repository).keep([f"{tmp_path}/war"])
    (tmp_path / "war").write_text("new")
    (repository / "refs").write_text("a new account")
    later = Undo(folder, tips)
    assert later.moved() == [str(repository)]
    said = f"{repository}: has changed since, so it stays, and what it was before is in {folder}/0"
    assert later.restore() == [said]
    assert (repository / "refs").read_text() == "a new account"
    assert (tmp_path / "war").read_text() == "old"
    assert (Path(folder) / "0" / "refs").read_text() == "old"


@pytest.mark.parametrize("moment", ["kept", "at work", "migrated"])
def test_a_repository_comes_back_from_whatever_the_run_made_of_it(folder: str, repository: Path, moment: str) -> None:
    undo = upgraded(folder, repository)
    if moment == "kept":
        (repository / "refs").write_text("old")
        undo.note_tips([str(repository)], changing=False)
    elif moment == "at work":
        undo.note_tips([str(repository)], changing=True)
        (repository / "refs").write_text("half migrated")
    assert Undo(folder, tips).restore() == []
    assert (repository / "refs").read_text() == "old"
    assert (repository / "objects" / "one").read_text() == "1"


def test_secrets_are_for_root_alone_at_every_moment(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "secret").write_text("canary")
    (tmp_path / "etc" / "secret").chmod(0o640)
    seen: list[int] = []

    def copy(_: object, new: BinaryIO) -> None:
        seen.append(os.fstat(new.fileno()).st_mode & 0o777)
        seen.append(Path(f"/proc/self/fd/{new.fileno()}").readlink().parent.stat().st_mode & 0o777)

    monkeypatch.setattr(undo_module.shutil, "copyfileobj", copy)
    undo = Undo(folder, tips)
    undo.keep([f"{tmp_path}/etc"])
    undo.restore()
    assert seen == [0o600, 0o700, 0o600, 0o700]
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "etc" / "secret").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not ROOT, reason="gives links to users, which only root can")
@pytest.mark.parametrize("way", ["keep", "restore"])
def test_a_folder_that_its_user_swaps_for_a_link_leads_nowhere(tmp_path: Path, folder: str, way: str) -> None:
    (tmp_path / "site" / "etc").mkdir(parents=True)
    (tmp_path / "site" / "etc" / "x").write_text("mine")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("canary")
    undo = Undo(folder, tips)
    if way == "restore":
        undo.keep([f"{tmp_path}/site/etc/x"])
    (tmp_path / "site" / "etc").rename(tmp_path / "aside")
    (tmp_path / "site" / "etc").symlink_to(tmp_path / "outside")
    os.chown(tmp_path / "site" / "etc", USER, USER, follow_symlinks=False)
    said = f"{tmp_path}/site/etc is a link of user {USER}, and only root's are followed"
    if way == "keep":
        with pytest.raises(LinkError, match=said):
            undo.keep([f"{tmp_path}/site/etc/x"])
    else:
        assert undo.restore() == [f"{tmp_path}/site/etc/x: {said}"]
    assert {each.name: each.read_text() for each in (tmp_path / "outside").iterdir()} == {"x": "canary"}


def test_links_and_pipes_below_what_is_kept_are_not_followed_or_waited_for(tmp_path: Path, folder: str) -> None:
    (tmp_path / "canary").write_text("canary")
    tree = tmp_path / "tree"
    (tree / "objects").mkdir(parents=True)
    (tree / "objects" / "link").symlink_to(tmp_path / "canary")
    os.mkfifo(tree / "objects" / "pipe")
    undo = Undo(folder, tips)
    undo.keep([str(tree)])
    assert sorted(path.name for path in Path(folder, "0", "objects").iterdir()) == ["link"]
    assert undo.restore() == []
    assert (tree / "objects" / "link").readlink() == tmp_path / "canary"


def test_folders_without_end_are_refused_before_anything_changes(tmp_path: Path, folder: str) -> None:
    deep = tmp_path / "tree" / "/".join(["x"] * (undo_module.LEVELS + 1))
    deep.mkdir(parents=True)
    with pytest.raises(StrataError, match=f"is deeper than {undo_module.LEVELS} folders: remove it"):
        Undo(folder, tips).keep([f"{tmp_path}/tree"])
    assert not Undo(folder, tips).pending
