"""Trees of files as values: what a host shall have, what it has, and the steps between the two."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TEMPORARY = ".strata-"
#: How deep the folders of a tree may be: none that is meant to be has so many, and recursion has an end.
LEVELS = 200
SIGNS = {"create": "+", "update": "~", "remove": "-", "metadata": "m"}


class TreeError(Exception):
    """Something that stands in a tree's way; its text is one sentence for the user."""


@dataclass(frozen=True)
class Want:
    """What one path of a tree shall be: a "file" (detail: its sha256), a "link" (detail: its target) or a "dir".

    A `foreign` folder belongs to a tree whose destination is further down: that one makes it and sets its mode.
    """

    kind: str
    mode: int = 0o755
    detail: str = ""
    size: int = 0
    foreign: bool = False


@dataclass(frozen=True)
class Have:
    """What one path on the host is: as `Want`, or of kind "other" (a socket, a device ...).

    `shared` is a file with more than one hard link; what is `kept` is not this tree's to remove.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    detail: str = ""
    shared: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Step:
    """One path's change: action (a key of `SIGNS`), what it shall be, and a note for the diff."""

    action: str
    path: str
    want: Want | None = None
    note: str = ""
    blocking: bool = False


@dataclass
class Tree:
    """A tree: the `dest` that the user wrote, the `place` that it is on this host, and what shall be there.

    Paths in `wants` are relative to the place; the empty one is the place itself. `validate` and `commands` are pairs
    of a pattern and a command.
    """

    dest: str
    place: str
    wants: dict[str, Want]
    uid: int = 0
    gid: int = 0
    purge: bool = False
    exclude: tuple[str, ...] = ()
    validate: tuple[tuple[str, str], ...] = ()
    commands: tuple[tuple[str, tuple[str, ...]], ...] = ()
    origin: str = ""
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the words that messages call it by."""
        return f"the tree {show(self.dest)}" + (f" of {self.origin}" if self.origin else "")

    def full(self, path: str) -> str:
        """Return the absolute path of one of the tree's paths."""
        return f"{self.place}/{path}" if path else self.place


def content(step: Step) -> Want | None:
    """Return what a step shall make, if it needs a content for it."""
    if step.want and step.want.kind == "file" and step.action in ("create", "update"):
        return step.want
    return None


def show(path: str) -> str:
    """Return `path` as text for people and for JSON: what cannot be printed is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def above(path: str) -> Iterator[str]:
    """Yield the folders above `path`, nearest first, without the root."""
    while (path := path.rpartition("/")[0]) != "":
        yield path


def settle(trees: Sequence[Tree]) -> list[Tree]:
    """Return the trees, innermost first, so that each path has one owner: a folder of two trees is the inner one's.

    Raises:
        TreeError: two trees have the same destination or put different things at one path.

    """
    settled: dict[str, Tree] = {}
    owners: dict[str, tuple[Tree, str]] = {}
    parents: dict[str, Tree] = {}
    for tree in sorted(trees, key=lambda tree: len(tree.place), reverse=True):
        if tree.place in settled:
            raise TreeError(f"two trees have the same destination: {settled[tree.place]} and {tree}")
        wants = {}
        for path, want in tree.wants.items():
            full = tree.full(path)
            other, kind = owners.get(full, (parents.get(full), "dir"))
            if other and (kind, want.kind) != ("dir", "dir"):
                raise TreeError(f"two trees put something at {show(full)}: {other} and {tree}")
            if full in owners:
                wants[path] = replace(want, foreign=True)
            else:
                wants[path] = want
                owners[full] = (tree, want.kind)
        parents |= dict.fromkeys(above(tree.place), tree)
        settled[tree.place] = replace(tree, wants=wants)
    return list(settled.values())


def plan(tree: Tree, have: Mapping[str, Have]) -> list[Step]:
    """Return the steps from what the host has to what the tree wants.

    Raises:
        TreeError: something that only purging may remove stands where the tree puts something else.

    """
    steps: list[Step] = []
    gone: set[str] = set()
    needed = {folder for path, state in have.items() if state.kept for folder in (path, *above(path))}
    for path, want in tree.wants.items():
        now = have.get(path)
        if want.foreign:
            continue
        if now is None:
            steps.append(Step("create", path, want))
        elif now.kind != want.kind and {"dir", "other"} & {now.kind, want.kind}:
            _may_replace(tree, path, now, want, path in needed)
            below = [path, *(name for name in have if name.startswith(path + "/"))]
            steps += [Step("remove", name, blocking=True) for name in sorted(below, reverse=True)]
            gone.update(below)
            steps.append(Step("create", path, want))
        elif (now.kind, now.detail) != (want.kind, want.detail):
            steps.append(Step("update", path, want, _note(now, want, tree)))
        elif note := _note(now, want, tree):
            # Another name of the same file may stand outside the tree: it must not get our mode.
            steps.append(Step("update" if now.shared else "metadata", path, want, note))
    extra = have.keys() - tree.wants.keys() - needed - gone
    return steps + [Step("remove", path) for path in sorted(extra, reverse=True)]


def _may_replace(tree: Tree, path: str, now: Have, want: Want, needed: bool) -> None:
    names = {"dir": "a folder", "file": "a file", "link": "a link", "other": "a special file"}
    text = f"{tree}: {show(tree.full(path))} shall be {names[want.kind]}, but {names[now.kind]} is there"
    if not tree.purge:
        raise TreeError(f"{text}: move it away, or let the tree purge")
    if needed:
        raise TreeError(f"{text}, with something in it that is excluded or another tree's: move it away")


def _note(now: Have, want: Want, tree: Tree) -> str:
    notes = []
    if now.kind == want.kind != "link" and now.mode != want.mode:
        notes.append(f"mode {now.mode:04o} -> {want.mode:04o}")
    if (now.uid, now.gid) != (tree.uid, tree.gid):
        notes.append(f"owner {now.uid}:{now.gid} -> {_id(tree.uid)}:{_id(tree.gid)}")
    return ", ".join(notes)


def _id(number: int) -> str:
    return "new" if number < 0 else str(number)


def summary(tree: Tree) -> dict[str, str | int]:
    """Return how many paths of a planned tree are in which case."""
    counts = Counter(step.action for step in tree.steps)
    wanted = sum(not want.foreign for want in tree.wants.values())
    return {
        "dest": show(tree.dest),
        "created": counts["create"],
        "updated": counts["update"],
        "metadata": counts["metadata"],
        "removed": counts["remove"],
        "unchanged": wanted - counts["create"] - counts["update"] - counts["metadata"],
    }


def diff(tree: Tree) -> dict[str, str]:
    """Return a planned tree's steps in the form of Ansible's `diff` result: paths, never contents."""
    lines = [f"{show(tree.dest)}:\n"]
    for step in sorted(tree.steps, key=lambda step: step.path):
        name = (show(step.path) or ".") + ("/" if step.want and step.want.kind == "dir" else "")
        lines.append(f"{SIGNS[step.action]} {name}" + (f" ({step.note})" if step.note else "") + "\n")
    return {"prepared": "".join(lines)}
