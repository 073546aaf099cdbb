"""Both sides of a change as one: whatever a file says on either side counts."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from strata.repository.checkout import Repository

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strata.affected.change import Change


class Tree:
    """The files of both sides of a change."""

    def __init__(self, change: Change) -> None:
        """Remember the change; files are read when they are asked for."""
        self.change = change
        self.sides = (Repository(change.newer), Repository(change.older))
        self.paths = change.present | set(change.paths)
        self.text = cache(self._text)

    def _text(self, path: str) -> str:
        """Return a file's text, that of both sides if they differ; "" for one that is not text."""
        files = [side.root / path for side in self.sides]
        return "\n".join(file.read_bytes().decode(errors="replace") for file in files if file.is_file())

    def below(self, folder: str, suffixes: tuple[str, ...] = ("",)) -> list[str]:
        """Return the paths of the files in a folder and in those below it, with one of some suffixes."""
        return [path for path in self._sorted if path.startswith(f"{folder}/") and path.endswith(suffixes)]

    def texts(self, paths: Iterable[str]) -> Iterable[tuple[str, str]]:
        """Return files with their texts."""
        return ((path, self.text(path)) for path in paths)

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.paths)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Return the paths of the folders."""
        return frozenset(str(folder) for path in self.paths for folder in list(PurePosixPath(path).parents)[:-1])

    @cached_property
    def top_folders(self) -> frozenset[str]:
        """Return the names of the folders at the top."""
        return frozenset(path for path in self.folders if "/" not in path)

    @cached_property
    def python(self) -> list[str]:
        """Return the paths of the files of Python, but those of benchmarks."""
        return [path for path in self._sorted if path.endswith(".py") and not path.startswith("benchmarks/")]

    @cached_property
    def scenarios(self) -> list[str]:
        """Return the names of the scenarios that can be run."""
        found = (path.split("/") for path in self.change.present if path.startswith("molecule/"))
        return sorted(parts[1] for parts in found if parts[2:] == ["molecule.yml"])

    @cached_property
    def unit_tests(self) -> list[str]:
        """Return the files of unit tests that can be run."""
        found = (path for path in self.change.present if path.startswith("tests/unit/") and path.endswith(".py"))
        return sorted(path for path in found if path.rpartition("/")[2].startswith("test_"))
