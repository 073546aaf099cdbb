"""Who reads a flat file of project-config: roles, inventories and scenarios that name it, or a folder that it is in."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from strata.project_config.tree import ACLS, PROJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.affected.tree import Tree

FOLDER = "project-config"
#: Parameters that take a path, and lookups of one.
NAMED = (
    r"""\b(?:src|source|file|path|tree)\s*:\s*["']?(?:{0})/?["']?\s*(?:[,}}#]|$)"""
    r"""|\b(?:lookup|query|q)\([^)]*['"/](?:{0})['"]"""
)
#: A parameter that is the whole tree; in one that ends in _root, other parameters name files.
WHOLE = re.compile(r"^\w+(?<!_root):.*\bstrata_project_config\b", re.MULTILINE)


def readers(tree: Tree, path: str) -> Iterator[str]:
    """Yield the files of roles, inventories and scenarios that say that a file of project-config is read."""
    inside = PurePosixPath(path).relative_to(FOLDER)
    names = [str(inside), *(str(parent) for parent in inside.parents if parent.name)]
    named = re.compile(NAMED.format("|".join(map(re.escape, names))), re.MULTILINE)
    for_gerrit = inside == PROJECTS or ACLS in inside.parents
    for reader, text in tree.texts(_declarations(tree)):
        if named.search(text) or (for_gerrit and reader.startswith("roles/") and WHOLE.search(text)):
            yield reader


def _declarations(tree: Tree) -> Iterator[str]:
    for folder in ("roles", "inventories", "molecule"):
        # Examples of a role read nothing.
        yield from (path for path in tree.below(folder, (".yml", ".yaml", ".j2")) if "/meta/" not in path)
