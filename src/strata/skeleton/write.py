"""Writing a skeleton: all of its files or none."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from strata.errors import StrataError, UsageError
from strata.paths import BIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Below it, a folder for each kind of skeleton with its files, whose names end in `.in`, and what is to be said then.
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Skeleton:
    """What is made: the kind of thing, the words for its templates, its files and folders, and what is in their way."""

    kind: str
    words: Mapping[str, str]
    targets: tuple[str, ...]
    others: tuple[str, ...] = ()

    def next_steps(self) -> str:
        """Return what the user is to do with it, as a text."""
        return self._fill(TEMPLATES / "next" / f"{self.kind}.in")

    def write(self, root: Path, complete: Callable[[Path], object], finish: Callable[[], object]) -> list[Path]:
        """Write the files into the checkout at `root`, and return the paths of the targets.

        Args:
            root: the checkout.
            complete: adds what no template has, while the files are in a folder of their own, which it gets.
            finish: does what can only be done when they are in their places; its failure removes them too.

        Raises:
            UsageError: something of that name is there already.
            StrataError: the files cannot be written.

        """
        refuse(root, (*self.targets, *self.others), "choose another name")
        try:
            with TemporaryDirectory(dir=root, prefix=".new-") as folder:
                self._render(Path(folder))
                complete(Path(folder))
                _format(Path(folder), root)
                return _move(Path(folder), root, self.targets, finish)
        except OSError as error:
            raise StrataError(f"the {self.kind} cannot be written: {error}") from None

    def _render(self, folder: Path) -> None:
        source = TEMPLATES / self.kind
        for template in sorted(source.rglob("*.in")):
            path = template.relative_to(source).with_suffix("").as_posix()
            for word, value in self.words.items():
                path = path.replace(word.upper(), value)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(self._fill(template), encoding="utf-8")

    def _fill(self, template: Path) -> str:
        return Template(template.read_text(encoding="utf-8")).substitute(self.words)


def refuse(root: Path, paths: Iterable[str], advice: str) -> None:
    """Refuse to go on if something is there already. Raises UsageError."""
    for path in paths:
        if os.path.lexists(root / path):
            raise UsageError(f"{path} is there already: {advice}, or remove it")


def _format(folder: Path, root: Path) -> None:
    """Bring imports and lines into the form that they have with these names."""
    for arguments in (["check", "--fix", "--select=I", "--quiet"], ["format", "--quiet"]):
        subprocess.run([BIN / "ruff", *arguments, "--no-cache", folder], cwd=root, check=False)


def _move(folder: Path, root: Path, targets: tuple[str, ...], finish: Callable[[], object]) -> list[Path]:
    moved: list[Path] = []
    try:
        for target in targets:
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            moved.append((folder / target).rename(root / target))
        finish()
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    return moved
