"""Files of a host as values."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.files import Change, File, Link, State, apply, diff, plan, read, undo, undoing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("after", [File(b"new", uid=os.getuid(), gid=os.getgid()), Link("elsewhere")])
def test_what_a_killed_run_left_goes_away(tmp_path: Path, after: State) -> None:
    path = str(tmp_path / "a.conf")
    child = os.fork()
    if not child:
        os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
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


STATES = [None, Link("elsewhere"), File(b"canary\n"), File(b"canary\n", 0o600), File(b"canary\n", secret=True)]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_a_diff_shows_no_content_where_one_of_the_two_is_a_secret(before: State, after: State) -> None:
    (shown,) = diff([Change("/a", before, after)])
    secret = any(isinstance(state, File) and state.secret for state in (before, after))
    for text, state in ((shown["before"], before), (shown["after"], after)):
        assert ("canary" in text) is (isinstance(state, File) and not secret)
