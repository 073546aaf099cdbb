"""Where variables are read: tasks, templates, other variables, plugins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.paths import shown
from strata.variables.values import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: What of a role reads variables.
FOLDERS = ("defaults", "handlers", "tasks", "templates", "vars")
PLUGINS = ("action_plugins", "lookup_plugins")

#: The name of a variable or a key, which is set there and not read.
KEY = re.compile(r"(?:^\s*(?:- )?|[{,]\s*)[A-Za-z_]\w*:(?=\s|$)")

DOCUMENTATION = re.compile(r'""".*?"""', re.DOTALL)


@dataclass(frozen=True, order=True)
class Use:
    """A line that reads a variable."""

    path: Path
    line: int

    def __str__(self) -> str:
        """Return file and line."""
        return f"{shown(self.path)}:{self.line}"


def uses(files: Iterable[Path], names: Iterable[str]) -> dict[str, list[Use]]:
    """Return the lines of files that have each of the names in them, but not where they only set it or remark on it.

    Raises:
        StrataError: a file cannot be read.

    """
    wanted = set(names)
    found: dict[str, dict[Use, None]] = {}
    for path in files:
        for at, text in enumerate(_lines(path), 1):
            for word in wanted.intersection(WORD.findall(text)):
                found.setdefault(word, {})[Use(path, at)] = None
    return {name: list(at) for name, at in found.items()}


def role_files(folder: Path) -> Iterator[Path]:
    """Give the files of a role that can read a variable."""
    yield from _files(folder / name for name in FOLDERS)


def plugin_files(root: Path) -> Iterator[Path]:
    """Give the plugins of a repository, which read variables on the machine that runs Ansible."""
    for name in PLUGINS:
        yield from sorted((root / name).glob("*.py"))


def inventory_files(folder: Path) -> Iterator[Path]:
    """Give the YAML files of an inventory, or the file that it is."""
    yield from (
        path for path in (_files([folder]) if folder.is_dir() else [folder]) if path.suffix in {".yml", ".yaml"}
    )


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _lines(path: Path) -> Iterator[str]:
    """Give the lines of a file without comments and without the keys of YAML."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StrataError(f"{path}: {error.strerror}") from None
    is_yaml = path.suffix in {".yml", ".yaml"}
    if path.suffix == ".py":
        text = DOCUMENTATION.sub(lambda match: "\n" * match.group().count("\n"), text)
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            yield ""
        else:
            yield KEY.sub(" ", line) if is_yaml else line
