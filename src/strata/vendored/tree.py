"""A commit's files, as git's own objects have them: nothing is checked out by git, so no filter and no hook runs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.vendored.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.vendored.cache import Objects

FILE, EXECUTABLE, LINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"
KINDS = {"100664": FILE, FILE: FILE, EXECUTABLE: EXECUTABLE, LINK: LINK, SUBMODULE: SUBMODULE, FOLDER: FOLDER}

MAX_FILES = 20_000
MAX_DEPTH = 60
MAX_LINK = 4096
MAX_LINKS_FOLLOWED = 40

_GIT = re.compile(r"\.git[ .]*|git~\d+", re.IGNORECASE)


class RefusedError(StrataError):
    """The repository has something that must not get into vendor/roles/."""


@dataclass
class Tree:
    """The files of a commit by path, each with mode and object; `committed` is in seconds since 1970."""

    committed: int
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    submodules: list[str] = field(default_factory=list)
    entries: int = 0

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield the paths of symbolic links, and the objects that say where they lead."""
        yield from ((path, name) for path, (mode, name) in self.files.items() if mode == LINK)


def load(objects: Objects, sha: str) -> Tree:
    """Return the files of a commit.

    Raises:
        MissingError: an object is not there.
        RefusedError: a path is not one that may be written, two differ only in case, a link leaves the role.
        GitError: it is not a commit.

    """
    commit = objects.one(sha, "commit")
    root = re.match(rb"tree ([0-9a-f]+)\n", commit)
    committer = re.search(rb"^committer [^\n]* (\d{1,12}) [+-]\d{4}$", commit.partition(b"\n\n")[0], re.MULTILINE)
    if not root:
        raise RefusedError(f"the commit {sha} has no tree")
    tree = Tree(int(committer[1]) if committer else 0)
    folders = [("", root[1].decode())]
    for _ in range(MAX_DEPTH):
        contents = objects.read([name for _, name in folders])
        folders = [
            found
            for (path, _), (_, content) in zip(folders, contents, strict=True)
            for found in _enter(tree, path, content, len(sha) // 2)
        ]
        if not folders:
            break
    else:
        raise RefusedError(f"folders are nested deeper than {MAX_DEPTH}")
    links = list(tree.links())
    targets = objects.read([name for _, name in links])
    check_links({path: content for (path, _), (_, content) in zip(links, targets, strict=True)})
    return tree


def _enter(tree: Tree, folder: str, content: bytes, length: int) -> Iterator[tuple[str, str]]:
    """Add a folder's files to the tree, and yield path and object of each folder in it."""
    seen: dict[str, str] = {}
    for mode, raw, name in _entries(content, length):
        path = folder + checked_name(raw, folder)
        key = unicodedata.normalize("NFC", path).casefold()
        if key in seen:
            raise RefusedError(f"{seen[key]} and {path} are the same where case does not matter")
        seen[key] = path
        kind = KINDS.get(mode)
        if kind == FOLDER:
            yield f"{path}/", name
        elif kind == SUBMODULE:
            tree.submodules.append(path)
        elif kind:
            tree.files[path] = kind, name
        else:
            raise RefusedError(f"{path} has the mode {printable(mode)}, which git does not know")
        tree.entries += 1
        if tree.entries > MAX_FILES:
            raise RefusedError(f"has more than {MAX_FILES} files and folders")


def _entries(content: bytes, length: int) -> Iterator[tuple[str, bytes, str]]:
    """Yield mode, name and object of each entry of a tree."""
    at = 0
    while at < len(content):
        end = content.find(b"\0", at)
        mode, space, name = content[at:end].partition(b" ")
        at = end + 1 + length
        if end < 0 or not space or at > len(content):
            raise RefusedError("a folder of the commit can't be read")
        yield mode.decode("latin-1"), name, content[end + 1 : at].hex()


def checked_name(raw: bytes, folder: str) -> str:
    """Return a name in a folder. Raises RefusedError for one that leads elsewhere, or that git or terminals act on.

    Letters that are not seen are among these, as some file systems drop them and take what is left for .git.
    """
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise RefusedError(f"{folder} has a name that is not UTF-8: {raw!r}") from None
    if name in {"", ".", ".."} or "/" in name or not name.isprintable():
        raise RefusedError(f"{folder} has a name that is refused: {raw!r}")
    if _GIT.fullmatch(name):
        raise RefusedError(f"{folder}{name} would be taken for git's own folder")
    return name


def check_links(links: dict[str, bytes]) -> None:
    """Raise RefusedError if a link of the tree leads out of it, be it by way of other links.

    Args:
        links: the target of each link by its path.

    """
    for path, target in links.items():
        if len(target) > MAX_LINK or b"\0" in target:
            raise RefusedError(f"the link {path} leads nowhere that has a name")
        place = path.split("/")[:-1]
        ahead = _parts(path, target)
        followed = 0
        while ahead:
            part = ahead.pop(0)
            if part == "..":
                if not place:
                    raise RefusedError(f"the link {path} leaves the role: {target!r}")
                place.pop()
                continue
            place.append(part)
            if (further := links.get("/".join(place))) is not None:
                followed += 1
                if followed > MAX_LINKS_FOLLOWED:
                    raise RefusedError(f"the link {path} leads in a circle")
                place.pop()
                ahead = _parts(path, further) + ahead


def _parts(path: str, target: bytes) -> list[str]:
    text = target.decode("utf-8", "surrogateescape")
    if text.startswith("/"):
        raise RefusedError(f"the link {path} leaves the role: {target!r}")
    return [part for part in text.split("/") if part not in {"", "."}]
