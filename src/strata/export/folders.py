"""Roles as folders, each with the modules and plugins inside that it and its dependencies need."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from strata.errors import StrataError
from strata.export.needs import needed, with_dependencies
from strata.repository.checkout import Repository
from strata.repository.roles import NOTE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strata.repository.roles import Role

LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git")


def export(root: Path, names: Iterable[str], folder: Path) -> list[Path]:
    """Write roles of the checkout at `root`, and those that they depend on, into `folder`, and return their folders.

    Raises:
        UsageError: there is no such role.
        StrataError: one of their folders is there already, or cannot be written. Then none is written.

    """
    repository = Repository(root)
    roles = with_dependencies(repository, names)
    for role in roles:
        if (folder / role.name).exists():
            raise StrataError(f"{folder / role.name} is there already: remove it, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".export-") as new:
            for role in roles:
                _write(root, role, needed(root, with_dependencies(repository, [role.name])), Path(new))
            return [(Path(new) / role.name).rename(folder / role.name) for role in roles]
    except OSError as error:
        raise StrataError(f"the roles cannot be written: {error}") from None


def copy_role(role: Role, folder: Path) -> Path:
    """Copy a role into `folder`, with a note of the version that it was brought here in, and return its copy."""
    copy = Path(shutil.copytree(role.path, folder / role.name, symlinks=True, ignore=LEFT_OUT))
    if "version" not in role.metadata and role.version != UNKNOWN:
        (copy / "meta").mkdir(exist_ok=True)
        (copy / NOTE).unlink(missing_ok=True)
        (copy / NOTE).write_text(yaml.safe_dump({"version": role.version}), encoding="utf-8")
    return copy


def _write(root: Path, role: Role, plugins: Iterable[Path], folder: Path) -> None:
    copy = copy_role(role, folder)
    if role.folder == "roles":
        shutil.copyfile(root / "LICENSE", copy / "LICENSE")
    for path in plugins:
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)
