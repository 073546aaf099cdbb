"""Trees of files as they are declared: what a host shall have, in the form that the control side packs."""

from __future__ import annotations

import base64
import json
import os
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.errors import DeclarationError, StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: How deep the folders of a tree may be: none that is meant to be has so many, and recursion has an end.
LEVELS = 200


class TreeError(StrataError):
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

    def __str__(self) -> str:
        """Return the words that messages call it by."""
        return f"the tree {show(self.dest)}" + (f" of {self.origin}" if self.origin else "")

    def full(self, path: str) -> str:
        """Return the absolute path of one of the tree's paths."""
        return f"{self.place}/{path}" if path else self.place


def show(path: str) -> str:
    """Return `path` as text for people and for JSON: what cannot be printed is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def above(path: str) -> Iterator[str]:
    """Yield the folders above `path`, nearest first, without the root."""
    while (path := path.rpartition("/")[0]) != "":
        yield path


def read_manifest(manifest: str, *, check: bool) -> list[Tree]:
    """Return the trees that the control side packed into `manifest`, with this host's owners.

    Raises:
        DeclarationError: an owner does not exist (in check mode he may be yet to come).

    """
    return [_tree(packed, check) for packed in json.loads(zlib.decompress(base64.b64decode(manifest)))]


def _tree(packed: Mapping[str, Any], check: bool) -> Tree:
    dest = _native(packed["dest"])
    tree = Tree(
        dest=dest,
        place=dest,
        wants={
            _native(path): Want(kind, mode, _native(detail), size) for path, kind, mode, detail, size in packed["wants"]
        },
        purge=packed["purge"],
        exclude=tuple(_native(pattern) for pattern in packed["exclude"]),
        validate=tuple((_native(each["pattern"]), _native(each["command"])) for each in packed["validate"]),
        commands=tuple(
            (_native(each["pattern"]), tuple(_native(word) for word in each["command"])) for each in packed["commands"]
        ),
        origin=packed["origin"],
    )
    try:
        uid = files.owner_id("user", packed["owner"], check=check)
        return replace(tree, uid=uid, gid=files.owner_id("group", packed["group"], check=check))
    except files.OwnerError as error:
        raise DeclarationError(f"{tree}: {error}") from None


def _native(name: str) -> str:
    """Return a name of the manifest, which is UTF-8 with any other byte escaped, as this host's Python calls it."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))
