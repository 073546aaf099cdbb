"""A new role, a new module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.repository import readme
from strata.repository.roles import Role
from strata.rules import architecture
from strata.skeleton.names import check_module, check_role
from strata.skeleton.write import Skeleton, refuse

if TYPE_CHECKING:
    from pathlib import Path


def role(root: Path, name: str) -> tuple[list[Path], str]:
    """Write a service role, its scenario and its tests; return their paths, and what is to be done next.

    Raises:
        UsageError: it cannot have that name, or something has it already.
        StrataError: it cannot be written; then nothing is.

    """
    check_role(name)
    skeleton = Skeleton(
        "role",
        {"name": name, "title": name.replace("_", " ").capitalize()},
        (f"roles/{name}", f"molecule/{name}", f"tests/testinfra/{name}"),
        (f"vendor/roles/{name}",),
    )

    def describe(folder: Path) -> None:
        made = Role(folder, name)
        (made.path / readme.README).write_text(readme.render(made), encoding="utf-8")

    return skeleton.write(root, describe, lambda: None), skeleton.next_steps()


def module(root: Path, name: str, package: str | None = None) -> tuple[list[Path], str]:
    """Write a module, its package in module_utils and their tests; return their paths, and what is to be done next.

    Args:
        root: the checkout.
        name: of the module.
        package: the package's name; without it, the first word of the module's.

    Raises:
        UsageError: one of them cannot have that name, or something has it already.
        StrataError: it cannot be written; then nothing is.

    """
    package = package or name.partition("_")[0]
    check_module(name, package)
    folders = (f"module_utils/strata/{package}", f"tests/unit/module_utils/{package}")
    refuse(root, (*folders, f"module_utils/strata/{package}.py"), "choose another package by --package")
    skeleton = Skeleton(
        "module",
        {"name": name, "package": package},
        (f"library/{name}.py", *folders),
        (f"action_plugins/{name}.py",),
    )
    return skeleton.write(root, lambda _: None, lambda: architecture.write(root)), skeleton.next_steps()
