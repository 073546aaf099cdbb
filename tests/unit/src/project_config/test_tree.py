"""Files, links and what may not be read; projects and ACLs beside each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strata.project_config.tree import PROJECTS, Tree
from strata.repository.source import BrokenFileError

from .conftest import ACL, ANVIL, FILE

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Sample

LEAVES = "is a link that leaves the tree, or stands behind one: refused"


def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "anvil.config").write_text("[canary]\n")
    return folder


def test_a_link_out_of_the_tree(sample: Sample, tmp_path: Path) -> None:
    path = sample.root / ANVIL
    path.unlink()
    path.symlink_to(outside(tmp_path) / "anvil.config")
    assert sample.found() == [f"{ANVIL}:1: {LEAVES}"]


def test_a_folder_that_is_a_link_out_of_the_tree(sample: Sample, tmp_path: Path) -> None:
    path = sample.root / ANVIL
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(outside(tmp_path))
    assert sample.found() == [
        "gerrit/acls/acme:1: is a link that leaves the tree: refused",
        f"{ANVIL}:1: {LEAVES}",
    ]


def test_links_out_of_the_tree_are_not_walked(sample: Sample, tmp_path: Path) -> None:
    (sample.root / "gerrit/acls").rename(tmp_path / "acls")
    (sample.root / "gerrit/acls").symlink_to(tmp_path / "acls")
    (tmp_path / "acls/canary").touch()
    assert sample.found() == [
        "gerrit/acls:1: is a link that leaves the tree: refused",
        f"{ANVIL}:1: {LEAVES}",
    ]


def test_projects_yaml_is_a_link_out_of_the_tree(sample: Sample, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    (sample.root / FILE).rename(other)
    (sample.root / FILE).symlink_to(other)
    assert sample.found() == [f"{FILE}:1: {LEAVES}"]


def test_a_tree_beside_one_whose_name_it_begins_with(sample: Sample) -> None:
    other = sample.root.with_name("treehouse")
    other.mkdir()
    (other / "x.config").write_text(ACL)
    (sample.root / ANVIL).unlink()
    (sample.root / ANVIL).symlink_to(other / "x.config")
    assert sample.found() == [f"{ANVIL}:1: {LEAVES}"]


def test_links_inside_the_tree_are_followed(sample: Sample) -> None:
    (sample.root / ANVIL).rename(sample.root / "gerrit/acls/acme/real.config")
    (sample.root / ANVIL).symlink_to("real.config")
    assert sample.found() == ["gerrit/acls/acme/real.config:1: warning: is the ACL of no project"]


def test_the_root_may_be_a_link(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sample.root)
    assert Tree(tmp_path / "link").read(PROJECTS)


def test_a_link_to_itself(sample: Sample) -> None:
    (sample.root / ANVIL).unlink()
    (sample.root / ANVIL).symlink_to("anvil.config")
    (finding,) = sample.found()
    assert finding.startswith(f"{ANVIL}:1: can't be read: ")


def test_a_pipe_is_not_waited_for(sample: Sample) -> None:
    (sample.root / ANVIL).unlink()
    os.mkfifo(sample.root / ANVIL)
    assert sample.found() == [f"{ANVIL}:1: is not a regular file"]


def test_bytes_that_are_no_text(sample: Sample) -> None:
    (sample.root / ANVIL).write_bytes(b"[submit]\naction = \xff\n")
    assert sample.found() == [f"{ANVIL}:2: is not UTF-8"]


def test_files_that_nobody_uses(sample: Sample) -> None:
    sample.write("gerrit/acls/acme/left.config", ACL)
    sample.write("gerrit/acls/acme/left.txt", "")
    sample.write("gerrit/acls/.gitkeep", "")
    assert sample.found() == [
        "gerrit/acls/acme/left.config:1: warning: is the ACL of no project",
        "gerrit/acls/acme/left.txt:1: warning: is not an ACL, as its name does not end in .config",
    ]


def test_a_broken_acl_leaves_the_others(sample: Sample) -> None:
    sample.write("gerrit/acls/acme/bad.config", "[oops\n")
    sample.replace(FILE, "- project: acme/rocket", "- project: acme/bad\n- project: acme/rocket")
    read = sample.load()
    assert [str(each) for each in read.findings] == [
        'gerrit/acls/acme/bad.config:1: [oops is not the header of a section: write [name] or [name "subsection"]'
    ]
    assert [str(path) for path in read.acls] == [ANVIL]


def test_a_label_that_nobody_defines(sample: Sample) -> None:
    sample.replace(ANVIL, "label-Code-Review", "label-Code-Revew")
    message = "label-Code-Revew: no ACL defines the label Code-Revew: did you mean 'Code-Review'?"
    assert sample.found() == [f"{ANVIL}:3: warning: {message}"]


@pytest.mark.parametrize(
    "group", ["anvil-core", "acme-core", "acme-anvil-ptl", "rocket_core", "Registered Users", "Third-Party CI"]
)
def test_groups_named_like_projects(sample: Sample, group: str) -> None:
    sample.replace(ANVIL, "group anvil-core", f"group {group}")
    assert sample.found() == []


def test_a_group_named_like_no_project(sample: Sample) -> None:
    sample.replace(ANVIL, "group anvil-core", "group anvill-core")
    assert sample.found() == [f"{ANVIL}:2: warning: the group anvill-core is named like no project"]


def test_a_group_of_several_acls_has_any_name(sample: Sample) -> None:
    sample.replace(ANVIL, "group anvil-core", "group shared-core")
    sample.replace(FILE, "acls/acme/anvil", "acls/acme/rocket")
    sample.write("gerrit/acls/acme/rocket.config", sample.text(ANVIL))
    assert sample.found() == []


def test_writing_keeps_mode_and_leaves_nothing(sample: Sample) -> None:
    path = sample.root / FILE
    path.chmod(0o640)
    Tree(sample.root).write(PROJECTS, "new\n")
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == ["acls", "projects.yaml"]


def test_writing_out_of_the_tree_is_refused(sample: Sample, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("old\n")
    (sample.root / FILE).unlink()
    (sample.root / FILE).symlink_to(other)
    with pytest.raises(BrokenFileError, match="leaves the tree"):
        Tree(sample.root).write(PROJECTS, "new\n")
    assert other.read_text() == "old\n"


def test_a_write_that_fails_leaves_the_old_file(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sample.text(FILE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("strata.project_config.tree.os.fsync", full)
    with pytest.raises(BrokenFileError, match="No space left"):
        Tree(sample.root).write(PROJECTS, "new\n")
    assert sample.text(FILE) == before
    assert sorted(each.name for each in (sample.root / "gerrit").iterdir()) == ["acls", "projects.yaml"]
