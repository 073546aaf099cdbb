"""Folders of files as the module file_trees gets them, packed, and as people read them."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: The argument in which they stand.
ARGUMENT = "manifest"


def unpacked(args: dict[str, Any], hashed: Callable[[str], str]) -> dict[str, Any]:
    """Return arguments with the files of each tree by path: kind, mode, and a hash of the contents or a link's target.

    Args:
        args: those of any module; without packed trees they are returned as they are.
        hashed: makes of a digest of contents what is shown of it.

    """
    try:
        trees = json.loads(zlib.decompress(base64.b64decode(args[ARGUMENT], validate=True)))
        return {**args, ARGUMENT: [{**tree, "wants": _files(tree["wants"], hashed)} for tree in trees]}
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error):
        return args


def _files(wants: list[Any], hashed: Callable[[str], str]) -> dict[str, str]:
    return {
        path or ".": f"{kind} {mode:04o} {hashed(told) if kind == 'file' else told}".strip()
        for path, kind, mode, told, _ in wants
    }
