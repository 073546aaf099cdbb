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
class Tree:
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


TREES = (
    Tree(
        "src/strata",
        "strata",
        (
            ("__main__",),
            ("cli",),
            ("verbs",),
            ("bench", "converge"),
            ("export", "suite"),
            ("rules",),
            ("sandbox",),
            ("vendored",),
            ("project_config",),
            ("variables",),
            ("repository",),
            ("errors", "paths", "progress", "tables"),
            ("__init__",),
        ),
    ),
    Tree(
        "module_utils/strata",
        "ansible.module_utils.strata",
        (
            (PACKAGES,),
            ("owed", "quiet", "rollback"),
            ("files", "listeners", "locks", "openssl", "units"),
            ("commands", "errors", "paths"),
            ("__init__",),
        ),
    ),
)


@dataclass(frozen=True)
class Arrow:
    """An import of one part of a tree by another, with its place."""

    upper: str
    lower: str
    source: Source
    line: int


def imports_run_downward(repository: Repository) -> Iterator[Violation]:
    """Every part of src/strata and module_utils/strata imports only parts of the layers below its own."""
    for tree in TREES:
        layers = tree.parts(repository.root)
        for part, layer in layers.items():
            if layer is None:
                yield repository.source(f"{tree.folder}/{part}").violation(1, f"{part} has no layer in {LAYERS}")
        for arrow in arrows(repository.root, tree):
            upper, lower = layers.get(arrow.upper), layers.get(arrow.lower)
            if upper is not None and lower is not None and upper >= lower:
                message = f"{arrow.upper} must not import {arrow.lower}, which does not stand below it in {LAYERS}"
                yield arrow.source.violation(arrow.line, message)


def drawing(root: Path) -> str:
    """Return the parts of each tree, top first, with what each imports, as a text."""
    lines = []
    for tree in TREES:
        imported: dict[str, set[str]] = {}
        for arrow in arrows(root, tree):
            imported.setdefault(arrow.upper, set()).add(arrow.lower)
        parts = [f"{part} -> {' '.join(sorted(imported.get(part, ())))}" for part in tree.parts(root)]
        lines += [tree.folder, *(f"  {part}".removesuffix(" -> ") for part in parts)]
    return "\n".join(lines)


def arrows(root: Path, tree: Tree) -> Iterator[Arrow]:
    """Yield the imports between the parts of a tree, those of functions and for type checkers too."""
    folder = root / tree.folder
    for path in sorted(folder.rglob("*.py")):
        source = Source(root, path)
        inside = path.relative_to(folder)
        package = [tree.name, *inside.parent.parts]
        upper = inside.parts[0].removesuffix(".py")
        nodes = (node for node in ast.walk(ast.parse(source.text())) if isinstance(node, ast.Import | ast.ImportFrom))
        for node in nodes:
            for module in _imported(node, package):
                lower = module.removeprefix(f"{tree.name}.").partition(".")[0]
                if module.startswith(f"{tree.name}.") and lower != upper:
                    yield Arrow(upper, lower, source, node.lineno)


def _imported(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    """Return the full names of what a statement imports; of a name in a module, the name follows the module's."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) + 1 - node.level] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{module}.{alias.name}" for alias in node.names]
