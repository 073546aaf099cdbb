"""Where a destination is on a host, and what is there."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.strata.trees import host, write
from ansible.module_utils.strata.trees.declared import LEVELS, TreeError

from .sample import converge, listing, plans, tree


def test_folders_nested_too_deep_are_not_purged_but_named(tmp_path: Path, nest: Callable[[Path, int], Path]) -> None:
    deepest = nest(tmp_path / "top", LEVELS)
    nest(deepest / "d", 1100)
    with pytest.raises(TreeError, match=rf"the tree {tmp_path}: {deepest}/d is deeper than 200 folders: exclude it"):
        plans(tree(tmp_path, purge=True))
    converge(tree(tmp_path, purge=True, exclude=("top",)))
    converge(tree(tmp_path))
    subprocess.run(["rm", "-r", deepest / "d"], check=True)
    planned = plans(tree(tmp_path, purge=True))
    write.apply(planned, None)
    assert listing(tmp_path) == {}


def test_a_link_on_the_way_is_followed_if_it_is_ours(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "srv").symlink_to("data/./../data")
    assert host.resolve(tree(tmp_path / "srv" / "www")) == str(tmp_path / "data/www")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link to someone else")
def test_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "srv").symlink_to("/etc")
    os.chown(tmp_path / "srv", 1234, -1, follow_symlinks=False)
    with pytest.raises(TreeError, match="srv is a link of user 1234"):
        host.resolve(tree(tmp_path / "srv"))


@pytest.mark.parametrize(("target", "message"), [("srv", "circle"), ("/", "root of the file system")])
def test_a_destination_that_leads_nowhere_good_is_refused(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "srv").symlink_to(target)
    with pytest.raises(TreeError, match=message):
        host.resolve(tree(tmp_path / "srv"))


def test_a_destination_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TreeError, match="file is not a folder"):
        host.resolve(tree(tmp_path / "file" / "sub"))
