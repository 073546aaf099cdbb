"""Homes and keys on a file system: what is seen and written, and what users may have put in the way."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import folders
from ansible.module_utils.strata.accounts import homes
from ansible.module_utils.strata.accounts.homes import (
    Home,
    HomeError,
    look,
    make,
    remove,
    set_mode,
    write_keys,
)

if TYPE_CHECKING:
    from pathlib import Path

UID, GID = 54321, 54322
TEXT = b"ssh-ed25519 AAAA alice\n"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="gives folders to users, which only root can")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A new home of a user."""
    skeleton = tmp_path / "skel"
    (skeleton / "bin").mkdir(parents=True)
    (skeleton / ".profile").write_text("umask 022\n")
    (skeleton / "link").symlink_to("/etc/passwd")
    monkeypatch.setattr(homes, "SKELETON", str(skeleton))
    path = tmp_path / "home" / "alice"
    make(str(path), UID, GID, 0o750)
    return path


def state(path: Path) -> tuple[int, int, int]:
    info = path.lstat()
    return info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)


def test_a_home_is_made_from_the_skeleton(home: Path) -> None:
    assert state(home) == (UID, GID, 0o750)
    assert sorted(each.name for each in home.iterdir()) == [".profile", "bin", "link"]
    assert {state(each)[:2] for each in home.iterdir()} == {(UID, GID)}
    assert os.lstat("/etc/passwd").st_uid == 0
    assert [each.name for each in home.parent.iterdir()] == ["alice"]


def test_what_a_killed_run_left_of_a_home_is_made_anew(home: Path) -> None:
    half = home.parent / ".strata-bob.new"
    half.mkdir()
    (half / "stray").write_text("")
    make(str(home.parent / "bob"), UID, GID, 0o700)
    assert not half.exists()
    assert not (home.parent / "bob" / "stray").exists()


def test_the_mode_is_seen_and_set(home: Path) -> None:
    assert look(str(home), UID) == Home(mode=0o750)
    set_mode(str(home), UID, 0o2755)
    assert look(str(home), UID).mode == 0o2755


def test_nothing_is_there(home: Path) -> None:
    assert look(str(home.parent / "bob"), UID) == Home()
    assert look(str(home.parent / "deep" / "er"), UID) == Home()


def test_keys_are_written_and_removed(home: Path) -> None:
    write_keys(str(home), UID, GID, TEXT)
    assert state(home / ".ssh") == (UID, GID, 0o700)
    assert state(home / ".ssh" / "authorized_keys") == (UID, GID, 0o600)
    assert look(str(home), UID).has(TEXT)
    write_keys(str(home), UID, GID, None)
    assert list((home / ".ssh").iterdir()) == []
    assert look(str(home), UID).has(None)


def test_no_folder_is_made_for_no_keys(home: Path) -> None:
    write_keys(str(home), UID, GID, None)
    assert not (home / ".ssh").exists()


def own(path: Path) -> None:
    os.chown(path, UID, GID, follow_symlinks=False)


def link_folder(home: Path, secret: Path) -> None:
    (home / ".ssh").symlink_to(secret.parent)


def link_file(home: Path, secret: Path) -> None:
    (home / ".ssh").mkdir(mode=0o700)
    own(home / ".ssh")
    (home / ".ssh" / "authorized_keys").symlink_to(secret)


def link_temporary(home: Path, secret: Path) -> None:
    (home / ".ssh").mkdir(mode=0o700)
    own(home / ".ssh")
    (home / ".ssh" / ".strata-authorized_keys.new").symlink_to(secret)


def hard_link(home: Path, secret: Path) -> None:
    (home / ".ssh").mkdir(mode=0o700)
    own(home / ".ssh")
    os.link(secret, home / ".ssh" / "authorized_keys")


def folder(home: Path, secret: Path) -> None:
    (home / ".ssh" / "authorized_keys" / "in the way").mkdir(parents=True)
    (home / ".ssh" / "authorized_keys" / "link").symlink_to(secret.parent)
    own(home / ".ssh")


def file(home: Path, secret: Path) -> None:
    assert secret.exists()
    (home / ".ssh").write_text("in the way")


def pipe(home: Path, secret: Path) -> None:
    assert secret.exists()
    (home / ".ssh").mkdir(mode=0o700)
    own(home / ".ssh")
    os.mkfifo(home / ".ssh" / "authorized_keys")


TRAPS = [link_folder, link_file, link_temporary, hard_link, folder, file, pipe]


@pytest.mark.parametrize("keys", [TEXT, None])
@pytest.mark.parametrize("trap", TRAPS)
def test_what_a_user_puts_in_the_way_is_not_followed_but_removed(home: Path, trap: object, keys: bytes | None) -> None:
    secret = home.parent.parent / "secret" / "authorized_keys"
    secret.parent.mkdir()
    secret.write_text("root's own\n")
    secret.chmod(0o600)
    trap(home, secret)
    seen = look(str(home), UID)
    assert seen.keys is None
    assert bool(seen.strays) == (trap is not link_temporary)
    write_keys(str(home), UID, GID, keys)
    assert secret.read_text() == "root's own\n"
    assert state(secret) == (0, 0, 0o600)
    assert state(secret.parent)[0] == 0
    assert look(str(home), UID).has(keys)


@pytest.mark.parametrize(
    ("mode", "stray"), [(0o644, "authorized_keys has another mode"), (0o666, "authorized_keys has another mode")]
)
def test_a_wrong_mode_is_changed(home: Path, mode: int, stray: str) -> None:
    write_keys(str(home), UID, GID, TEXT)
    (home / ".ssh" / "authorized_keys").chmod(mode)
    assert look(str(home), UID) == Home(0o750, TEXT, (stray,))
    write_keys(str(home), UID, GID, TEXT)
    assert look(str(home), UID).has(TEXT)


def test_the_second_file_that_sshd_reads_goes(home: Path) -> None:
    write_keys(str(home), UID, GID, TEXT)
    (home / ".ssh" / "authorized_keys2").write_bytes(TEXT)
    assert not look(str(home), UID).has(TEXT)
    write_keys(str(home), UID, GID, TEXT)
    assert look(str(home), UID).has(TEXT)


def test_a_folder_that_others_can_change_is_the_users_alone_again(home: Path) -> None:
    write_keys(str(home), UID, GID, TEXT)
    (home / ".ssh").chmod(0o775)
    assert not look(str(home), UID).has(TEXT)
    write_keys(str(home), UID, GID, TEXT)
    assert state(home / ".ssh") == (UID, GID, 0o700)


def test_a_folder_of_a_third_one_is_refused(home: Path) -> None:
    (home / ".ssh").mkdir()
    os.chown(home / ".ssh", UID + 1, GID)
    assert look(str(home), UID).obstacle == f"has a .ssh that belongs to uid {UID + 1}: remove it"
    with pytest.raises(HomeError):
        write_keys(str(home), UID, GID, TEXT)


def test_a_home_that_is_not_the_users_own_is_not_touched(home: Path) -> None:
    seen = look(str(home), UID + 1)
    assert (seen.mode, seen.keys) == (None, None)
    assert seen.problem.startswith(f"belongs to uid {UID}, not to uid {UID + 1}: ")
    for change in (lambda: write_keys(str(home), UID + 1, GID, TEXT), lambda: remove(str(home), UID + 1)):
        with pytest.raises(HomeError):
            change()
    assert home.exists()


def test_keys_in_a_home_that_is_not_the_users_own_are_seen(home: Path) -> None:
    assert look(str(home), UID + 1).strays == ()
    write_keys(str(home), UID, GID, TEXT)
    (home / ".ssh" / "authorized_keys2").symlink_to("nowhere")
    assert look(str(home), UID + 1).strays == ("authorized_keys", "authorized_keys2")


@pytest.mark.parametrize(
    ("function", "path", "number", "message"),
    [
        ("open", "{home}", errno.EACCES, "cannot be read: Permission denied"),
        ("stat", ".ssh", errno.ENOTCONN, "cannot be read: Transport endpoint is not connected"),
        ("open", ".ssh", errno.EACCES, "cannot be read: Permission denied"),
        ("open", "authorized_keys", errno.EIO, "cannot be read: Input/output error"),
    ],
)
def test_what_the_system_refuses_is_an_obstacle(
    home: Path, monkeypatch: pytest.MonkeyPatch, function: str, path: str, number: int, message: str
) -> None:
    write_keys(str(home), UID, GID, TEXT)
    real = getattr(os, function)

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name == path.format(home=home):
            raise OSError(number, os.strerror(number), name)
        return real(name, *rest, **more)

    monkeypatch.setattr(os, function, refuse)
    assert look(str(home), UID) == Home(obstacle=message)


def test_a_home_that_is_a_link_is_not_followed(home: Path) -> None:
    other = home.parent / "bob"
    other.symlink_to(home)
    assert look(str(other), UID).problem.startswith("is a link or not a folder: ")


def test_a_home_below_a_folder_of_another_is_refused(home: Path) -> None:
    inner = home / "inner"
    inner.mkdir()
    own(inner)
    assert look(str(inner), UID).problem == f"is below {home}, which others than root can change: declare another home"
    with pytest.raises(HomeError):
        make(str(home / "new"), UID, GID, 0o700)
    assert not (home / "new").exists()


def test_links_of_root_above_a_home_are_followed_and_of_others_are_not(home: Path) -> None:
    link = home.parent.parent / "link"
    link.symlink_to("home")
    assert look(str(link / "alice"), UID) == Home(mode=0o750)
    own(link)
    assert look(str(link / "alice"), UID).problem.startswith(f"is below {link}, ")


def test_a_home_is_removed_with_all_that_is_in_it_but_nothing_else(home: Path) -> None:
    remove(str(home), UID)
    assert not home.exists()
    assert os.path.exists("/etc/passwd")  # noqa: PTH110


def test_folders_deeper_than_python_recurses_are_no_obstacle(home: Path) -> None:
    (home / ".ssh").mkdir(mode=0o700)
    own(home / ".ssh")
    current = os.open(home / ".ssh", folders.FOLDER)
    for name in ("authorized_keys", *("x",) * sys.getrecursionlimit()):
        os.mkdir(name, dir_fd=current)
        below = os.open(name, folders.FOLDER, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)
    assert look(str(home), UID).strays == ("authorized_keys is not a file",)
    write_keys(str(home), UID, GID, TEXT)
    assert look(str(home), UID).has(TEXT)
    (home / "rest").mkdir()
    remove(str(home), UID)
    assert not home.exists()


def test_nothing_of_a_home_is_removed_while_something_is_mounted_in_it(home: Path, tmp_path: Path) -> None:
    outside, place = tmp_path / "outside", home / "a b" / "mount"
    outside.mkdir()
    (outside / "kept").touch()
    place.mkdir(parents=True)
    if subprocess.run(["mount", "--bind", outside, place], capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with pytest.raises(HomeError, match=f"has a mount at {place}: unmount it"):
            remove(str(home), UID)
    finally:
        subprocess.run(["umount", place], check=True)
    assert (outside / "kept").exists()
    assert (home / ".profile").exists()
    remove(str(home), UID)
    assert not home.exists()
