"""Whatever was there, and whatever is declared, in whatever order: a folder becomes what its trees say."""

import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.strata.trees.declared import Tree, TreeError, Want
from hypothesis import given, settings
from hypothesis import strategies as st

from .sample import converge, listing, tree, want

TEXTS = ("A", "B")

leaves = st.sampled_from([*TEXTS, "-> A", "-> a/b"])
names = st.sampled_from(["a", "b", "c", "é"])
folders = st.recursive(
    st.dictionaries(names, leaves, max_size=3),
    lambda inner: st.dictionaries(names, leaves | inner, max_size=3),
    max_leaves=8,
)


def flat(folder: dict[str, Any], above: str = "") -> dict[str, str]:
    """Return what `listing` shows of a folder."""
    found = {}
    for name, entry in folder.items():
        path = above + name
        found |= {path: "/"} | flat(entry, f"{path}/") if isinstance(entry, dict) else {path: entry}
    return found


def declared(dest: Path, folder: dict[str, Any], *, purge: bool = True) -> Tree:
    """Return the tree that makes a folder."""
    wants = {path: wanted(text) for path, text in flat(folder).items()}
    made = tree(dest, purge=purge)
    made.wants.update(wants)
    return made


def wanted(text: str) -> Want:
    if text == "/":
        return Want("dir")
    return Want("link", detail=text.removeprefix("-> ")) if text.startswith("->") else want(text)


@settings(max_examples=30)
@given(before=folders, after=folders)
def test_a_folder_becomes_another(before: dict[str, Any], after: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in (before, after, before):
            converge(declared(Path(folder) / "dest", each), texts=TEXTS)
            assert listing(Path(folder) / "dest") == flat(each)


@settings(max_examples=30)
@given(before=folders, after=folders)
def test_without_purging_nothing_is_lost_that_is_not_declared(before: dict[str, Any], after: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "dest"
        converge(declared(dest, before), texts=TEXTS)
        try:
            converge(declared(dest, after, purge=False), texts=TEXTS)
        except TreeError:
            assert listing(dest) == flat(before)
        else:
            assert listing(dest) == flat(before) | flat(after)


@settings(max_examples=30)
@given(outer=folders, inner=folders, at=names, reverse=st.booleans())
def test_a_tree_in_another_is_its_own_in_any_order(
    outer: dict[str, Any], inner: dict[str, Any], at: str, reverse: bool
) -> None:
    outer.pop(at, None)
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "dest"
        both = [declared(dest, outer), declared(dest / at, inner)]
        converge(*(reversed(both) if reverse else both), texts=TEXTS)
        assert listing(dest) == flat(outer) | {at: "/"} | flat(inner, f"{at}/")
