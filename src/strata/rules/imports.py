"""Rule for the code itself: imports run downward."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.repository.source import Source, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strata.repository.checkout import Repository

#: Where the layers are.
LAYERS = "src/strata/rules/imports.py"

#: Stands for all packages.
PACKAGES = "*"


@dataclass(frozen=True)
class Package:
    """A package whose parts, files and packages, stand in layers, top first: each imports only parts further down."""

    folder: str
    name: str
    layers: tuple[tuple[str, ...], ...]

    def parts(self, root: Path) -> dict[str, int | None]:
        """Return the parts in the order of their layers, each with its layer's number, None for one that has none."""
        paths = sorted((root / self.folder).glob("*"))
        layers = {path.stem: self._layer(path) for path in paths if path.suffix == ".py" or any(path.glob("*.py"))}
        return dict(sorted(layers.items(), key=lambda entry: -1 if entry[1] is None else entry[1]))

    def _layer(self, path: Path) -> int | None:
        names = {path.stem, *([PACKAGES] if path.is_dir() else [])}
        return next((at for at, layer in enumerate(self.layers) if names & set(layer)), None)


ROOTS = (
    Package(
        "src/strata",
        "strata",
        (
            ("__main__",),
            ("cli",),
            ("verbs",),
            ("bench",),
            ("deploy", "gate"),
            ("affected", "converge"),
            ("export", "skeleton", "suite"),
            ("rules",),
            ("plan",),
            ("sandbox",),
            ("vendored",),
            ("project_config",),
            ("catalog",),
            ("variables",),
            ("repository", "warm"),
            ("page",),
            ("errors", "paths", "processes", "progress", "tables", "whole"),
            ("__init__",),
        ),
    ),
    Package(
        "module_utils/strata",
        "ansible.module_utils.strata",
        (
            (PACKAGES,),
            ("owed", "quiet", "rollback"),
            ("files", "listeners", "locks", "openssl", "units"),
            ("folders",),
            ("commands", "errors", "paths"),
            ("__init__",),
        ),
    ),
)


@dataclass(frozen=True)
class Arrow:
    """An import of one part of a package by another, with its place."""

    upper: str
    lower: str
    source: Source
    line: int


def imports_run_downward(repository: Repository) -> Iterator[Violation]:
    """Every part of src/strata and module_utils/strata imports only parts of the layers below its own."""
    for package in ROOTS:
        layers = package.parts(repository.root)
        for part, layer in layers.items():
            if layer is None:
                yield repository.source(f"{package.folder}/{part}").violation(1, f"{part} has no layer in {LAYERS}")
        for arrow in arrows(repository.root, package):
            upper, lower = layers.get(arrow.upper), layers.get(arrow.lower)
            if upper is not None and lower is not None and upper >= lower:
                message = f"{arrow.upper} must not import {arrow.lower}, which does not stand below it in {LAYERS}"
                yield arrow.source.violation(arrow.line, message)


def drawing(root: Path) -> str:
    """Return the parts of each package, top first, with what each imports, as a text."""
    return "\n".join(line for package in ROOTS for line in (package.folder, *drawing_of(root, package)))


def drawing_of(root: Path, package: Package) -> list[str]:
    """Return the parts of a package, top first, with what each imports, as lines. Raises BrokenFileError."""
    imported: dict[str, set[str]] = {}
    for arrow in arrows(root, package):
        imported.setdefault(arrow.upper, set()).add(arrow.lower)
    parts = (f"  {part} -> {' '.join(sorted(imported.get(part, ())))}" for part in package.parts(root))
    return [part.removesuffix(" -> ") for part in parts]


def arrows(root: Path, package: Package) -> Iterator[Arrow]:
    """Yield the imports between the parts of a package, those in functions and for type checkers too.

    Raises BrokenFileError.
    """
    folder = root / package.folder
    for path in sorted(folder.rglob("*.py")):
        source = Source(root, path)
        inside = path.relative_to(folder)
        upper, above = inside.parts[0].removesuffix(".py"), [package.name, *inside.parent.parts]
        for node in ast.walk(_parsed(source)):
            for module in _imported(node, above):
                lower = module.removeprefix(f"{package.name}.").partition(".")[0]
                if module.startswith(f"{package.name}.") and lower != upper:
                    yield Arrow(upper, lower, source, getattr(node, "lineno", 1))


def _parsed(source: Source) -> ast.Module:
    try:
        return ast.parse(source.text())
    except SyntaxError as error:
        raise source.broken(error.lineno or 1, f"is not valid Python: {error.msg}") from None


def _imported(node: ast.AST, above: list[str]) -> list[str]:
    """Return the full names of what a statement imports, a name in a module after the module's.

    Args:
        node: any statement.
        above: the names of the packages that it stands in, the outermost first.

    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    start = above[: len(above) + 1 - node.level] if node.level else []
    return [".".join([*start, *([node.module] if node.module else []), alias.name]) for alias in node.names]
