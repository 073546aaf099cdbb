"""Tables for people."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


def show(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; where no person's terminal limits the width, its lines are as long as they must be."""
    table = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(str(cell), overflow="fold") for cell in row))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
