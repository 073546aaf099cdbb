"""Files of a host as values."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.files import Change, File, Link, State, apply, diff, plan, read, undo, undoing
from ansible.module_utils.strata.folders import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = 54321

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives links to users, which only root can")


def mine(content: bytes, mode: int = 0o644) -> File:
    """A file of whoever runs the tests."""
    return File(content, mode, os.getuid(), os.getgid())


@pytest.mark.parametrize("after", [File(b"new", uid=os.getuid(), gid=os.getgid()), Link("elsewhere")])
def test_what_a_killed_run_left_goes_away(tmp_path: Path, after: State) -> None:
    path = str(tmp_path / "a.conf")
    child = os.fork()
    if not child:
        os.replace = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        apply([Change(path, None, after)])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name != "a.conf"
    apply([Change(path, None, after)])
    assert [each.name for each in tmp_path.iterdir()] == ["a.conf"]
    assert read(path) == after


def test_a_link_goes_before_the_file_that_it_leads_to(tmp_path: Path) -> None:
    for folder in ("x-available", "x-enabled"):
        (tmp_path / folder).mkdir()
    old, new = (f"{tmp_path}/x-available/{name}.conf" for name in ("old", "new"))
    old_link, new_link = (path.replace("-available", "-enabled") for path in (old, new))
    mine = File(b"", uid=os.getuid(), gid=os.getgid())
    wanted = {old: mine, old_link: Link("../x-available/old.conf")}
    apply(plan(wanted))
    swapped = dict.fromkeys(wanted) | {new: mine, new_link: Link("../x-available/new.conf")}
    assert [change.path for change in plan(swapped)] == [new, new_link, old_link, old]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A file that is a mount of its own, as /etc/hostname is in a container."""
    (tmp_path / "below").write_text("a long text that was there\n")
    (tmp_path / "mount").touch()
    command = ["mount", "--bind", str(tmp_path / "below"), str(tmp_path / "mount")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounts take root")
    yield tmp_path / "mount"
    subprocess.run(["umount", str(tmp_path / "mount")], check=True)


@pytest.mark.parametrize("way", ["undo", "undoing"])
def test_a_mount_is_written_in_place(mount: Path, way: str) -> None:
    new = File(b"new\n", 0o600)
    changes = plan({str(mount): new})
    before = mount.stat().st_ino
    apply(changes)
    assert (read(str(mount)), mount.stat().st_ino) == (new, before)
    if way == "undo":
        undo(changes)
    else:
        subprocess.run(["sh", "-c", undoing(changes)], stderr=subprocess.DEVNULL, check=True)
    assert mount.read_text() == "a long text that was there\n"
    assert sorted(path.name for path in mount.parent.iterdir()) == ["below", "mount"]


def test_what_cannot_be_renamed_for_another_reason_fails(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        apply([Change(str(tmp_path / "a"), None, File(b"new"))])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_each_file_is_undone_by_itself_and_what_is_lost_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = mine(b"old"), mine(b"new")
    names = ("a", "lost", "z")
    apply(Change(f"{tmp_path}/{name}", None, old) for name in names)
    changes = plan({f"{tmp_path}/{name}": new for name in (*names, "added")})
    apply(changes)
    put = files.put

    def full(name: str, folder: int, wanted: State) -> None:
        if name == "lost":
            raise OSError(errno.ENOSPC, "No space left on device", name)
        put(name, folder, wanted)

    with monkeypatch.context() as patched:
        patched.setattr(files, "put", full)
        assert undo(changes) == [f"{tmp_path}/lost: No space left on device"]
    assert {name: read(f"{tmp_path}/{name}") for name in (*names, "added")} == {
        "a": old,
        "lost": new,
        "z": old,
        "added": None,
    }
    assert undo(changes) == []
    assert read(f"{tmp_path}/lost") == old


def test_what_a_full_disk_refuses_comes_back_when_what_was_new_has_made_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [
        Change(f"{tmp_path}/added", None, mine(b"large")),
        Change(f"{tmp_path}/old", mine(b"old"), None),
    ]
    (tmp_path / "added").write_bytes(b"large")
    put = files.put

    def full(name: str, folder: int, wanted: State) -> None:
        if wanted and (tmp_path / "added").exists():
            raise OSError(errno.ENOSPC, "No space left on device", name)
        put(name, folder, wanted)

    monkeypatch.setattr(files, "put", full)
    assert undo(changes) == []
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_is_as_before_is_not_touched(tmp_path: Path) -> None:
    apply([Change(f"{tmp_path}/a", None, mine(b"old"))])
    inode = (tmp_path / "a").stat().st_ino
    assert undo([Change(f"{tmp_path}/a", mine(b"old"), mine(b"new"))]) == []
    assert (tmp_path / "a").stat().st_ino == inode


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_new_folders_above_a_file_are_for_all_to_read_and_for_us_to_write(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        apply([Change(f"{tmp_path}/one/two/file", None, mine(b""))])
    finally:
        os.umask(before)
    assert {(tmp_path / name).stat().st_mode & 0o7777 for name in ("one", "one/two")} == {0o755}


@pytest.mark.parametrize("after", [File(b"new", uid=os.getuid(), gid=os.getgid()), Link("elsewhere"), None])
def test_what_changes_in_a_folder_is_on_the_disk(tmp_path: Path, after: State, monkeypatch: pytest.MonkeyPatch) -> None:
    apply([Change(f"{tmp_path}/a", None, mine(b"old"))])
    synced: list[tuple[int, list[str]]] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append((os.fstat(fd).st_ino, sorted(each.name for each in tmp_path.iterdir())))
    )
    apply([Change(f"{tmp_path}/a", None, after)])
    assert synced[-1] == (tmp_path.stat().st_ino, [] if after is None else ["a"])


@as_root
@pytest.mark.parametrize("way", ["apply", "read", "undo", "undoing"])
def test_a_folder_that_its_user_swaps_for_a_link_leads_nowhere(tmp_path: Path, way: str) -> None:
    """Nobody but root is followed, whichever of the ways to a file it is."""
    (tmp_path / "service").mkdir()
    (tmp_path / "outside").mkdir()
    path, canary = f"{tmp_path}/service/etc/x", tmp_path / "outside" / "x"
    change = Change(path, mine(b"old"), mine(b"new"))
    apply([change])
    script = undoing([change])
    canary.write_text("root's")
    (tmp_path / "service" / "etc").rename(tmp_path / "service" / "aside")
    (tmp_path / "service" / "etc").symlink_to(tmp_path / "outside")
    os.chown(tmp_path / "service" / "etc", USER, USER, follow_symlinks=False)
    said = f"{tmp_path}/service/etc is a link of user {USER}, and only root's are followed"
    if way == "undo":
        assert undo([change]) == [f"{path}: {said}"]
    elif way == "undoing":
        done = subprocess.run(["sh", "-c", f"status=0; {script} exit $status"], check=False)
        assert done.returncode == 1
    else:
        with pytest.raises(LinkError, match=said):
            apply([change]) if way == "apply" else read(path)
    assert {each.name: each.read_text() for each in (tmp_path / "outside").iterdir()} == {"x": "root's"}


@pytest.mark.parametrize("way", ["apply", "undoing"])
@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_what_waits_at_the_name_of_the_temporary_file_goes(tmp_path: Path, way: str, trap: str) -> None:
    canary, planted, path = tmp_path / "canary", tmp_path / ".strata-x.new", f"{tmp_path}/x"
    canary.write_text("root's")
    if trap == "link":
        planted.symlink_to(canary)
    elif trap == "pipe":
        os.mkfifo(planted)
    else:
        (planted / "deep").mkdir(parents=True)
    change = Change(path, mine(b"secret", 0o600), mine(b"secret", 0o600))
    if way == "apply":
        apply([change])
    else:
        subprocess.run(["sh", "-c", f"umask 077; status=0; {undoing([change])} exit $status"], check=True)
    assert read(path) == mine(b"secret", 0o600)
    assert canary.read_text() == "root's"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["canary", "x"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(IsADirectoryError, match=f"{tmp_path}/x is neither a regular file nor a link"):
        read(f"{tmp_path}/x")


STATES = [None, Link("elsewhere"), File(b"canary\n"), File(b"canary\n", 0o600), File(b"canary\n", secret=True)]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_a_diff_shows_no_content_where_one_of_the_two_is_a_secret(before: State, after: State) -> None:
    (shown,) = diff([Change("/a", before, after)])
    secret = any(isinstance(state, File) and state.secret for state in (before, after))
    for text, state in ((shown["before"], before), (shown["after"], after)):
        assert ("canary" in text) is (isinstance(state, File) and not secret)
