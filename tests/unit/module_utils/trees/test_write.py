"""The whole way, on real files."""

import errno
import io
import os
from pathlib import Path
from unittest.mock import Mock

import pytest
from ansible.module_utils.strata.trees import plan, write
from ansible.module_utils.strata.trees.declared import TreeError, Want

from .sample import converge, listing, pack, plans, sha, tree, want


def test_a_tree_arrives_and_stays(tmp_path: Path) -> None:
    dest = tmp_path / "new" / "dest"
    wanted = tree(dest, a=want("A"), sub__run=want("B", 0o755), sub__link=Want("link", detail="../a"))
    steps = converge(wanted, texts=("A", "B"))
    assert steps[0] == ("create", "")
    assert listing(dest) == {"a": "A", "sub": "/", "sub/link": "-> ../a", "sub/run": "B"}
    assert (dest / "sub/run").stat().st_mode & 0o7777 == 0o755


def test_files_of_one_content_need_one_copy_of_it(tmp_path: Path) -> None:
    converge(tree(tmp_path, a=want("same"), sub__b=want("same")), texts=("same",))
    assert listing(tmp_path) == {"a": "same", "sub": "/", "sub/b": "same"}


def test_metadata_needs_no_contents(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a").write_text("A")
    (tmp_path / "a").chmod(0o600)
    planned = plans(tree(tmp_path, a=want("A")))
    assert plan.missing(planned) == set()
    assert converge(tree(tmp_path, a=want("A"))) == [("metadata", "a")]
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o644


def test_a_hard_link_outside_keeps_its_mode(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("A")
    canary.chmod(0o600)
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest/a").hardlink_to(canary)
    converge(tree(tmp_path / "dest", a=want("A")), texts=("A",))
    assert canary.stat().st_mode & 0o7777 == 0o600


def test_purge_removes_only_what_is_nobodys(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("alive")
    dest = tmp_path / "dest"
    for name in ("old/deep/file", "keep/x.bak", "keep/y", ".git/config", "inner/theirs", "inner/by_hand", "above/in/z"):
        (dest / name).parent.mkdir(parents=True, exist_ok=True)
        (dest / name).write_text("")
    (dest / "way_out").symlink_to(outside)
    outer = tree(dest, purge=True, exclude=("*.bak",), a=want("A"), inner__ours=want("B"))
    inner = tree(dest / "inner", theirs=want(""))
    deep = tree(dest / "above/in", purge=True)
    converge(outer, inner, deep, texts=("A", "B"))
    left = {name for name, text in listing(dest).items() if text != "/"}
    assert left == {"a", "keep/x.bak", ".git/config", "inner/ours", "inner/theirs", "inner/by_hand"}
    assert (dest / "above/in").is_dir()
    assert listing(outside) == {"canary": "alive"}


@pytest.mark.parametrize("new", [want("file"), Want("link", detail="a")], ids=["file", "link"])
def test_a_folder_becomes_something_else_and_back(tmp_path: Path, new: Want) -> None:
    folder = {"a": want("A"), "d__file": want("x")}
    converge(tree(tmp_path, purge=True, **folder), texts=("A", "x"))
    (tmp_path / "d/deep").mkdir()
    (tmp_path / "d/deep/file").write_text("y")
    converge(tree(tmp_path, purge=True, a=want("A"), d=new), texts=("file",))
    assert listing(tmp_path) == {"a": "A", "d": "file" if new.kind == "file" else "-> a"}
    converge(tree(tmp_path, purge=True, **folder), texts=("x",))
    assert listing(tmp_path) == {"a": "A", "d": "/", "d/file": "x"}


def test_an_inner_tree_that_purges_spares_the_outer_ones_files(tmp_path: Path) -> None:
    inner = tree(tmp_path / "in", purge=True, theirs=want("A"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/junk").write_text("")
    converge(tree(tmp_path, in__sub__ours=want("B")), inner, texts=("A", "B"))
    assert listing(tmp_path) == {"in": "/", "in/sub": "/", "in/sub/ours": "B", "in/theirs": "A"}


def test_nothing_is_purged_without_purge(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    converge(tree(tmp_path, a=want("A")), texts=("A",))
    assert listing(tmp_path) == {"a": "A", "mine": ""}


@pytest.mark.parametrize("purge", [False, True])
def test_a_link_in_place_of_a_folder_is_never_followed(tmp_path: Path, purge: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("canary")
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "sub").symlink_to(outside)
    wanted = tree(dest, purge=purge, sub__f=want("A"))
    if purge:
        converge(wanted, texts=("A",))
        assert listing(dest) == {"sub": "/", "sub/f": "A"}
    else:
        with pytest.raises(TreeError, match="sub shall be a folder, but a link is there"):
            plans(wanted)
        assert listing(dest)["sub"] == f"-> {outside}"
    assert listing(outside) == {"f": "canary"}


def test_a_link_that_appears_after_the_plan_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    dest = tmp_path / "dest"
    (dest / "sub").mkdir(parents=True)
    planned = plans(tree(dest, sub__f=want("A")))
    (dest / "sub").rmdir()
    (dest / "sub").symlink_to(outside)
    with pytest.raises(TreeError, match="sub"):
        write.apply(planned, io.BytesIO(pack("A")))
    assert listing(outside) == {}


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (pack("A"), "b changed during the run"),
        (pack("A")[:60], "damaged"),
        (pack(names={sha("A"): "forged"}), "damaged"),
        (pack("A", names={"../../escape": "B"}), "damaged"),
    ],
    ids=["incomplete", "cut", "forged", "escaping name"],
)
def test_a_bad_archive_changes_no_file(tmp_path: Path, archive: bytes, message: str) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "a").write_text("old")
    with pytest.raises(TreeError, match=message):
        write.apply(plans(tree(dest, a=want("A"), b=want("B"))), io.BytesIO(archive))
    assert listing(tmp_path) == {"dest": "/", "dest/a": "old"}


def test_a_disk_that_does_not_take_a_content_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    planned = plans(tree(tmp_path, a=want("A"), b=want("B")))
    failure = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=failure))
    with pytest.raises(TreeError, match=r"/a: Input/output error"):
        write.apply(planned, io.BytesIO(pack("A", "B")))
    assert listing(tmp_path) == {"a": "old"}


def test_a_killed_run_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")
    wanted = tree(tmp_path, a=want("A"), b=want("B"))
    commits = []

    def commit(place: object, path: str, temporary: str) -> None:
        if commits:
            raise KeyboardInterrupt
        commits.append(path)
        real(place, path, temporary)

    real = write._Place.commit
    with monkeypatch.context() as patch:
        patch.setattr(write._Place, "commit", commit)
        patch.setattr(write._Place, "discard", lambda *_: None)  # as if there were no time for it
        with pytest.raises(KeyboardInterrupt):
            write.apply(plans(wanted), io.BytesIO(pack("A", "B")))
    state = listing(tmp_path)
    assert sorted(state[name] for name in "ab") in (["A", "old"], ["B", "old"])
    assert any(name.startswith(".strata-") for name in state)
    converge(wanted, texts=("A", "B"))
    assert listing(tmp_path) == {"a": "A", "b": "B"}
