"""Make a picture of what a command prints: `COMMAND | .strata/venv/bin/python docs/picture.py TITLE >FILE.svg`."""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text

WIDTH = 105


def picture(printed: str, title: str) -> str:
    """Return an SVG of text that was printed, colours included."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(printed))
    # No reader's browser is sent elsewhere for a font.
    return re.sub(r"@font-face \{.*?\}\n", "", console.export_svg(title=title), flags=re.DOTALL)


if __name__ == "__main__":
    sys.stdout.write(picture(sys.stdin.read(), sys.argv[1]))
