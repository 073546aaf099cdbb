"""Open folders: what a user puts in root's way is neither followed nor waited for, and goes however deep it is."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import folders
from ansible.module_utils.strata.folders import LinkError, clear, holding, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = 54321
DEEPER_THAN_PYTHON = 3000

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives links to users and mounts, which only root can")


def linked(path: Path, target: Path, uid: int) -> None:
    path.symlink_to(target)
    os.chown(path, uid, uid, follow_symlinks=False)


@as_root
@pytest.mark.parametrize("absolute", [True, False])
def test_links_of_root_are_followed_and_of_others_are_not(tmp_path: Path, absolute: bool) -> None:
    (tmp_path / "there" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "there" if absolute else "below/../there")
    (tmp_path / "below").mkdir()
    with holding(f"{tmp_path}/link/below/x") as (folder, name):
        assert folders.where(name, folder) == f"{tmp_path}/there/below/x"
    os.chown(tmp_path / "link", USER, USER, follow_symlinks=False)
    with (
        pytest.raises(LinkError, match=f"{tmp_path}/link is a link of user {USER}, and only root's are followed"),
        holding(f"{tmp_path}/link/below/x"),
    ):
        pass


def test_no_link_is_followed_where_none_may_be(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    with opened(str(tmp_path)) as start, pytest.raises(NotADirectoryError), opened("link", start):
        pass


def test_a_circle_of_links_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(NotADirectoryError, match=f"{tmp_path}/a/x"), holding(f"{tmp_path}/a/x"):
        pass


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000])
def test_new_folders_have_their_mode_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folders.make(f"{tmp_path}/one/two")
    finally:
        os.umask(before)
    assert {(tmp_path / name).stat().st_mode & 0o7777 for name in ("one", "one/two")} == {0o755}


def test_folders_that_are_there_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir(mode=0o700)
    folders.make(f"{tmp_path}/one/two")
    assert (tmp_path / "one").stat().st_mode & 0o7777 == 0o700


def test_what_is_deeper_than_python_can_recurse_goes(tmp_path: Path) -> None:
    with opened(str(tmp_path)) as folder:
        current = os.dup(folder)
        for _ in range(DEEPER_THAN_PYTHON):
            os.mkdir("deep", dir_fd=current)
            below = os.open("deep", folders.FOLDER, dir_fd=current)
            os.close(os.open("file", folders.NEW, dir_fd=current))
            os.close(current)
            current = below
        os.close(current)
        clear("deep", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "nothing", "folder"])
def test_whatever_stands_at_a_name_goes_and_nothing_else(tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    path = tmp_path / "x"
    if kind == "file":
        path.touch()
    elif kind == "link":
        path.symlink_to("outside")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        (path / "a" / "b").mkdir(parents=True)
        (path / "a" / "link").symlink_to(tmp_path / "outside")
        (path / "a" / "b" / "file").touch()
    with opened(str(tmp_path)) as folder:
        clear("x", folder)
    assert [each.name for each in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside" / "kept").exists()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder in which another one of the same file system is mounted, deep down."""
    outside, place = tmp_path / "outside", tmp_path / "x" / "deep" / "mount"
    outside.mkdir()
    (outside / "kept").touch()
    place.mkdir(parents=True)
    if subprocess.run(["mount", "--bind", str(outside), str(place)], capture_output=True, check=False).returncode:
        pytest.skip("mounts take root")
    yield tmp_path
    for line in (tmp_path / "x").rglob("mount"):
        subprocess.run(["umount", str(line)], check=True)


def test_what_is_mounted_is_not_entered(mounted: Path) -> None:
    with opened(str(mounted)) as folder, pytest.raises(OSError, match="Device or resource busy"):
        clear("x", folder)
    assert (mounted / "outside" / "kept").exists()
