"""What goes from trees of files, and what must stay whoever writes to them."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

import pytest

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = spec_from_file_location("retention", ROOT / "roles/retention/files/retention.py")
retention = module_from_spec(SPEC)
sys.modules["retention"] = retention
SPEC.loader.exec_module(retention)

NOW = time.time()
HOUR, DAY = 3600, 86400
EMPTY = retention.Space(size=1000, free=1000, inodes=100, free_inodes=100)
FULL = EMPTY._replace(free=0)


def tree(path: str | Path = "/srv/logs", **rules: object) -> retention.Tree:
    return retention.Tree(str(path), **rules)


def files(of: retention.Tree, *ages: float, size: int = 100) -> list[retention.File]:
    """Files of some ages in days, named by them."""
    return [retention.File(NOW - age * DAY, size, str(age), 1, of) for age in ages]


def names(found: list[retention.File]) -> list[str]:
    return [file.name for file in found]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file below the tree, and give it and its folders an age in days."""
    (tmp_path / "tree").mkdir()

    def write_it(name: str | bytes, age: float = 10, size: int = 1) -> Path:
        path = tmp_path / "tree" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        for each in (path, *path.parents):
            if tmp_path in each.parents:
                os.utime(each, times=(NOW - age * DAY, NOW - age * DAY))
        return path

    return write_it


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the script with rules for the tree, or with other trees, too, on a file system with some space."""

    def run_it(mode: str = "all", space: retention.Space = EMPTY, *others: dict[str, object], **rules: object) -> int:
        trees = [{"path": str(tmp_path / "tree"), "keep": [], **rules}, *others]
        (tmp_path / "config").write_text(json.dumps(trees))
        monkeypatch.setattr(retention, "CONFIG", str(tmp_path / "config"))
        monkeypatch.setattr(retention, "measure", lambda _: space)
        return retention.main(mode)

    return run_it


def left(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").rglob("*"))


def test_nothing_goes_without_rules() -> None:
    assert retention.outdated(tree(), files(tree(), 0, 1, 1000), NOW) == []
    assert retention.relief(files(tree(), 0, 1000), FULL) == ([], FULL)


def test_what_is_too_old_goes() -> None:
    logs = tree(max_age=30)
    assert names(retention.outdated(logs, files(logs, 29.9, 30.1, 1, 400), NOW)) == ["400", "30.1"]


def test_the_oldest_of_too_much_go() -> None:
    logs = tree(max_size=250)
    assert names(retention.outdated(logs, files(logs, 1, 4, 2, 3), NOW)) == ["4", "3"]
    assert names(retention.outdated(tree(max_size=400), files(logs, 1, 4, 2, 3), NOW)) == []


def test_what_went_by_age_counts_for_the_size_no_more() -> None:
    logs = tree(max_age=30, max_size=200)
    assert names(retention.outdated(logs, files(logs, 40, 1, 2), NOW)) == ["40"]


def test_what_may_be_in_use_does_not_go_by_size() -> None:
    logs = tree(max_size=1)
    assert names(retention.outdated(logs, files(logs, 0.02, 0.05), NOW)) == ["0.05"]


def test_the_oldest_go_until_there_is_enough_space_whatever_is_in_use() -> None:
    logs = tree(min_free=20)
    chosen, after = retention.relief(files(logs, 0, 2, 1), FULL)
    assert names(chosen) == ["2", "1"]
    assert after.free == 200
    chosen, after = retention.relief(files(logs, 0), FULL)
    assert names(chosen) == ["0"]
    assert after.short(20)


def test_inodes_are_space_too() -> None:
    logs = tree(min_free=2)
    chosen, _ = retention.relief(files(logs, 1, 2, 3, size=0), EMPTY._replace(free_inodes=0))
    assert names(chosen) == ["3", "2"]
    assert retention.relief(files(logs, 1), EMPTY._replace(inodes=0, free_inodes=0))[0] == []


def test_a_tree_that_wants_less_space_gives_less() -> None:
    eager, modest = tree("/srv/eager", min_free=30), tree("/srv/modest", min_free=10)
    chosen, _ = retention.relief([*files(eager, 1, 2), *files(modest, 3, 4)], FULL)
    assert names(chosen) == ["4", "2", "1"]


@pytest.mark.parametrize(
    ("trees", "said"),
    [
        ([{"path": "/srv"}], "two folders or more"),
        ([{"path": "/"}], "two folders or more"),
        ([{"path": "srv/logs"}], "two folders or more"),
        ([{"path": "/srv/../etc"}], "plain absolute path"),
        ([{"path": "/srv/logs\n/x"}], "plain absolute path"),
        ([{"path": "/srv/logs", "max_age": -1}], "not below 0"),
        ([{"path": "/srv/logs", "min_free": 51}], "not above 50"),
        ([{"path": "/srv/logs"}, {"path": "/srv/logs"}], "declared twice"),
    ],
)
def test_trees_that_make_no_sense_are_refused(trees: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        retention.load(json.dumps([{**each, "keep": []} for each in trees]))


def test_a_run_by_age_takes_emptied_folders_along(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write("a/b/old", 10)
    write("c/new", 1)
    write("old", 10)
    assert run(max_age=5) == 0
    assert left(tmp_path) == ["c", "c/new"]
    assert "by age or size: 2 files of " in capfd.readouterr().err


def test_a_folder_that_was_just_made_stays(write: Callable[..., Path], run: Callable[..., int], tmp_path: Path) -> None:
    write("a/old", 10).unlink()
    assert run(max_age=5) == 0
    assert left(tmp_path) == ["a"]


@pytest.mark.parametrize("name", [b"new\nline", b"\xff\xfe", b" ", b"-rf", b"*", b"%n$(x)"])
def test_hostile_names_are_names(
    name: bytes, write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(name + b"/" + name, 10)
    assert run(max_age=5) == 0
    assert left(tmp_path) == []
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_symbolic_links_go_and_what_they_lead_to_stays(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    os.utime(outside / "file", times=(0, 0))
    write("in", 1)
    (tmp_path / "tree/folder").symlink_to(outside)
    (tmp_path / "tree/file").symlink_to(outside / "file")
    os.utime(tmp_path / "tree/file", times=(0, 0), follow_symlinks=False)
    assert run(max_age=5) == 0
    assert left(tmp_path) == ["folder", "in"]
    assert (outside / "file").exists()


def test_a_folder_that_becomes_a_link_leads_nowhere(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is changed between the look at it and the removal, by somebody who may write there."""
    write("a/passwd", 10)
    scan = retention.scan

    def swap(*arguments: object) -> object:
        found = scan(*arguments)
        (tmp_path / "tree/a").rename(tmp_path / "etc")
        (tmp_path / "tree/a").symlink_to(tmp_path / "etc")
        return found

    monkeypatch.setattr(retention, "scan", swap)
    assert run(max_age=5) == 1
    assert (tmp_path / "etc/passwd").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives links to users, which only root can")
@pytest.mark.parametrize("owner", [0, 54321])
def test_above_a_tree_only_links_of_root_are_followed(
    owner: int, write: Callable[..., Path], run: Callable[..., int], tmp_path: Path
) -> None:
    """The tree is below a folder of a service's user."""
    old = write("logs/old", 10)
    (tmp_path / "link").symlink_to("tree")
    os.chown(tmp_path / "link", owner, owner, follow_symlinks=False)
    assert run(path=f"{tmp_path}/link/logs", max_age=5) == (0 if owner == 0 else 1)
    assert old.exists() == bool(owner)


def test_a_file_that_is_written_meanwhile_stays_unless_space_is_short(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("log", 10)
    scan = retention.scan

    def append(*arguments: object) -> object:
        found = scan(*arguments)
        path.write_text("more")
        return found

    monkeypatch.setattr(retention, "scan", append)
    assert run(max_age=5) == 0
    assert left(tmp_path) == ["log"]
    run("watch", FULL, min_free=10)
    assert left(tmp_path) == []


def test_a_time_in_the_future_keeps_nothing(write: Callable[..., Path]) -> None:
    info = write("future", -1000).stat()
    assert retention.written(info) == info.st_ctime
    info = write("old", 10).stat()
    assert retention.written(info) == info.st_mtime


def test_what_is_kept_stays_whatever_is_in_it(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path
) -> None:
    for name in ("releases/1/old", "a/keep-me", "a/old"):
        write(name, 10)
    assert run(max_age=5, keep=["releases", "*/keep-*"]) == 0
    assert left(tmp_path) == ["a", "a/keep-me", "releases", "releases/1", "releases/1/old"]


def test_a_tree_within_a_tree_has_its_own_rules(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path
) -> None:
    write("inner/old", 10)
    write("inner/older", 30)
    inner = {"path": str(tmp_path / "tree/inner"), "keep": [], "max_age": 20}
    assert run("all", EMPTY, inner, max_age=5) == 0
    assert left(tmp_path) == ["inner", "inner/old"]


def test_the_watch_looks_at_nothing_while_there_is_space(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("old", 10)
    monkeypatch.setattr(retention, "scan", None)
    assert run("watch", max_age=5, min_free=10) == 0
    assert left(tmp_path) == ["old"]


def test_a_full_file_system_is_told(
    write: Callable[..., Path], run: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write("in-use", 0)
    assert run("watch", FULL._replace(size=10**9), min_free=10) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[0].startswith(f"<4>{tmp_path}/tree: the file system is nearly full: 1 files of ")
    assert said[1] == f"<3>{tmp_path}/tree: the file system is nearly full, and there is nothing left to remove"


def test_what_was_removed_in_use_is_closed(
    write: Callable[..., Path], run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(retention.subprocess, "run", lambda command, **_: commands.append(command))
    write("old", 10)
    run(max_age=5, reopen="rsyslog.service")
    assert commands == []
    write("log", 0)
    run("watch", FULL, min_free=10, reopen="rsyslog.service")
    assert commands == [["systemctl", "kill", "--signal=HUP", "rsyslog.service"]]


def test_a_tree_that_is_not_there_is_no_error(run: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(max_age=5) == 0
    assert capfd.readouterr().err == ""


def test_errors_are_told_and_hold_up_nothing(
    write: Callable[..., Path],
    run: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write("a\nb", 10)
    write("old", 10)
    unlink = os.unlink

    def refuse(name: str, **options: int) -> None:
        if "\n" in name:
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, **options)

    monkeypatch.setattr(retention.os, "unlink", refuse)
    assert run(max_age=5) == 1
    assert left(tmp_path) == ["a\nb"]
    assert "<3>1 errors, the first one: [Errno 1] Operation not permitted: 'a\\nb'\n" in capfd.readouterr().err


def test_a_tree_deeper_than_paths_and_recursion_may_be(
    run: Callable[..., int], write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FRESH", -10)
    write("top", 10)
    here = os.open(tmp_path / "tree", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("folder", dir_fd=here)
        inner = os.open("folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("old", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.utime("old", times=(0, 0), dir_fd=here)
    os.close(here)
    assert run(max_age=5) == 0
    assert left(tmp_path) == []
