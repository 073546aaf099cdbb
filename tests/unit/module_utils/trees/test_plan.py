"""From what a host has to what trees want: values in, steps out."""

import os
from dataclasses import replace

import pytest
from ansible.module_utils.strata.trees import plan
from ansible.module_utils.strata.trees.declared import Tree, TreeError, Want
from ansible.module_utils.strata.trees.host import Have
from ansible.module_utils.strata.trees.plan import Step

from .sample import sha, tree, want


@pytest.mark.parametrize(
    ("have", "action", "note"),
    [
        (None, "create", ""),
        (Have("file", 0o644, 0, 0, sha("new")), None, ""),
        (Have("file", 0o644, 0, 0, sha("old")), "update", ""),
        (Have("file", 0o600, 0, 0, sha("new")), "metadata", "mode 0600 -> 0644"),
        (Have("file", 0o644, 33, 0, sha("new")), "metadata", "owner 33:0 -> 0:0"),
        (Have("file", 0o600, 0, 0, sha("new"), shared=True), "update", "mode 0600 -> 0644"),
        (Have("file", 0o644, 0, 0, sha("new"), shared=True), None, ""),
        (Have("link", 0o777, 0, 0, "/etc/shadow"), "update", ""),
    ],
)
def test_plan_for_a_file(have: Have | None, action: str | None, note: str) -> None:
    wanted = Tree("/d", "/d", {"f": want("new")})
    planned = plan.plan(wanted, {"f": have} if have else {})
    assert planned.steps == ([Step(action, "f", want("new"), note)] if action else [])


@pytest.mark.parametrize(
    ("have", "wanted"),
    [("dir", "file"), ("dir", "link"), ("file", "dir"), ("link", "dir"), ("other", "file"), ("other", "dir")],
)
def test_only_purging_replaces_another_kind(have: str, wanted: str) -> None:
    shall = Tree("/d", "/d", {"x": Want(wanted)}, origin="docs__flat_files_trees")
    found = {"x": Have(have, 0o755, 0, 0)}
    with pytest.raises(TreeError, match=r"the tree /d of docs__flat_files_trees: /d/x shall be a .* is there: move it"):
        plan.plan(shall, found)
    steps = plan.plan(replace(shall, purge=True), found).steps
    assert [(s.action, s.path) for s in steps] == [("remove", "x"), ("create", "x")]


def test_what_is_kept_is_not_replaced() -> None:
    found = {"x": Have("dir", 0o755, 0, 0), "x/kept": Have("file", 0o644, 0, 0, kept=True)}
    with pytest.raises(TreeError, match="excluded or another tree's"):
        plan.plan(Tree("/d", "/d", {"x": want("x")}, purge=True), found)


def test_summary_and_diff_name_paths_and_no_contents() -> None:
    wanted = tree("/d", a=want("a"), b=want("b"), c=want("c"), same=want("same"))
    has = {"uid": os.getuid(), "gid": os.getgid()}
    found = {
        "": Have("dir", 0o755, **has),
        "b": Have("file", 0o644, **has),
        "c": Have("file", 0o600, **has, detail=sha("c")),
        "same": Have("file", 0o644, **has, detail=sha("same")),
        "x\ny": Have("file", 0o644, **has),
    }
    planned = plan.plan(wanted, found)
    counts = {"dest": "/d", "created": 1, "updated": 1, "metadata": 1, "removed": 1, "unchanged": 2}
    assert plan.summary(planned) == counts
    assert plan.lines([planned]) == ["/d: 1 created, 1 updated, 1 removed, 1 with another mode or owner"]
    assert plan.lines([plan.plan(tree("/d"), {"": Have("dir", 0o755, **has)})]) == []
    assert plan.diff(planned) == {"prepared": "/d:\n+ a\n~ b\nm c (mode 0600 -> 0644)\n- x\\ny\n"}


def test_two_trees_with_one_destination_are_refused() -> None:
    with pytest.raises(TreeError, match=r"same destination: the tree /d of one and the tree /d of two"):
        plan.resolve_overlaps([tree("/d", origin="one"), tree("/d", origin="two")])


@pytest.mark.parametrize(
    "outer",
    [{"in__f": want("f")}, {"in": Want("link", detail="x")}, {"in__sub": want("f")}],
    ids=["same file", "link at the destination", "file where the other has a folder"],
)
def test_two_trees_with_one_path_are_refused(outer: dict[str, Want]) -> None:
    with pytest.raises(TreeError, match=r"/d/in.*: the tree /d/in of two and the tree /d of one"):
        plan.resolve_overlaps(
            [tree("/d", origin="one", **outer), tree("/d/in", origin="two", f=want("f"), sub__g=want("g"))]
        )


def test_a_file_above_a_destination_is_refused() -> None:
    with pytest.raises(TreeError, match="two trees put something at /d/a"):
        plan.resolve_overlaps([tree("/d", a=want("a")), tree("/d/a/b")])
