"""What leads from the trees that a host has to those that are declared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata.trees.declared import Tree, TreeError, Want, above, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.trees.host import Have

SIGNS = {"create": "+", "update": "~", "remove": "-", "metadata": "m"}


@dataclass(frozen=True)
class Step:
    """One path's change: action (a key of `SIGNS`), what it shall be, and a note for the diff."""

    action: str
    path: str
    want: Want | None = None
    note: str = ""
    blocking: bool = False


@dataclass(frozen=True)
class Plan:
    """A tree and the steps that it needs."""

    tree: Tree
    steps: list[Step]


def resolve_overlaps(trees: Sequence[Tree]) -> list[Tree]:
    """Return the trees, innermost first, so that each path has one owner: a folder of two trees is the inner one's.

    Raises:
        TreeError: two trees have the same destination or put different things at one path.

    """
    found: dict[str, Tree] = {}
    owners: dict[str, tuple[Tree, str]] = {}
    parents: dict[str, Tree] = {}
    for tree in sorted(trees, key=lambda tree: len(tree.place), reverse=True):
        if tree.place in found:
            raise TreeError(f"two trees have the same destination: {found[tree.place]} and {tree}")
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
        found[tree.place] = replace(tree, wants=wants)
    return list(found.values())


def plan(tree: Tree, have: Mapping[str, Have]) -> Plan:
    """Return the tree with the steps from what the host has to what it wants.

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
    return Plan(tree, steps + [Step("remove", path) for path in sorted(extra, reverse=True)])


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


def content(step: Step) -> Want | None:
    """Return what a step shall make, if it needs a content for it."""
    if step.want and step.want.kind == "file" and step.action in ("create", "update"):
        return step.want
    return None


def missing(plans: Iterable[Plan]) -> set[str]:
    """Return the sha256 of the contents that the steps of `plans` need."""
    return {want.detail for plan in plans for step in plan.steps if (want := content(step))}


def summary(plan: Plan) -> dict[str, str | int]:
    """Return how many paths of a plan's tree are in which case."""
    counts = Counter(step.action for step in plan.steps)
    wanted = sum(not want.foreign for want in plan.tree.wants.values())
    return {
        "dest": show(plan.tree.dest),
        "created": counts["create"],
        "updated": counts["update"],
        "metadata": counts["metadata"],
        "removed": counts["remove"],
        "unchanged": wanted - counts["create"] - counts["update"] - counts["metadata"],
    }


def lines(plans: Iterable[Plan]) -> list[str]:
    """Return what happens to each tree that changes, for people."""
    found = []
    for plan in plans:
        counts = summary(plan)
        parts = [f"{counts[name]} {name}" for name in ("created", "updated", "removed") if counts[name]]
        if counts["metadata"]:
            parts.append(f"{counts['metadata']} with another mode or owner")
        if parts:
            found.append(f"{counts['dest']}: {', '.join(parts)}")
    return found


def diff(plan: Plan) -> dict[str, str]:
    """Return a plan's steps in the form of Ansible's `diff` result: paths, never contents."""
    lines = [f"{show(plan.tree.dest)}:\n"]
    for step in sorted(plan.steps, key=lambda step: step.path):
        name = (show(step.path) or ".") + ("/" if step.want and step.want.kind == "dir" else "")
        lines.append(f"{SIGNS[step.action]} {name}" + (f" ({step.note})" if step.note else "") + "\n")
    return {"prepared": "".join(lines)}
