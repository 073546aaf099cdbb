"""The imports between packages, as docs/architecture.md shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.rules.imports import ROOTS, drawing_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/architecture.md"


def write(root: Path) -> list[Path]:
    """Draw the imports anew where the page of the checkout at `root` shows others, and return the page if so.

    Raises BrokenFileError for code that cannot be read.
    """
    page = root / PAGE
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    drawn = text
    for package in ROOTS:
        # `__init__` and `__main__` say nothing to people.
        lines = "".join(f"{line}\n" for line in drawing_of(root, package) if "__" not in line)
        block = re.compile(rf"(<!-- [^\n]* {package.folder}\. -->\n```text\n).*?(?=```)", re.DOTALL)
        drawn = block.sub(rf"\1{lines}", drawn)
    if drawn == text:
        return []
    page.write_text(drawn, encoding="utf-8")
    return [page]
