"""A project-config tree of many projects: each has an ACL and a group of its own, and a group with its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_SIZE = 20

ACL = """\
[access "refs/heads/*"]
abandon = group {name}-core
label-Code-Review = -2..+2 group {name}-core

[access "refs/tags/*"]
pushSignedTag = group {folder}-release

[receive]
requireChangeId = true

[submit]
mergeContent = true
"""


def write(tree: Path, count: int) -> None:
    """Write a tree of `count` projects."""
    entries = []
    for number in range(count):
        folder, name = f"acme{number // FOLDER_SIZE:03}", f"part{number:05}"
        entries.append(f"- project: {folder}/{name}\n  description: Part number {number}\n")
        path = tree / "gerrit/acls" / folder / f"{name}.config"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ACL.format(folder=folder, name=name))
    (tree / "gerrit/projects.yaml").write_text("".join(entries))
