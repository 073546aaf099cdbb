"""Foreign architectures: those beside the host's own of which dpkg takes packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible.module_utils.strata.apt.host import Package
    from ansible.module_utils.strata.apt.tools import Tools

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Architectures:
    """Those that dpkg gets and loses, and `own`, those that it has by us when that is done."""

    add: Sequence[str] = ()
    remove: Sequence[str] = ()
    own: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return what changes for a person, a line an architecture."""
        return [
            f"{sign} architecture {name}" for sign, names in (("+", self.add), ("-", self.remove)) for name in names
        ]


def plan(
    tools: Tools, wanted: Sequence[str], owned: Sequence[str], native: str, staying: Iterable[Package]
) -> Architectures:
    """Compare dpkg's architectures with those that are declared.

    Args:
        tools: what runs dpkg.
        wanted: those that are declared; the host's own counts as there.
        owned: those that earlier runs added, which go when they are declared no longer.
        native: the host's own.
        staying: the packages that are there when all is done.

    Raises:
        AptError: one is to go of which packages stay.
        DeclarationError: a name is none that an architecture can have.

    """
    for name in wanted:
        if not _NAME.fullmatch(name):
            raise DeclarationError(f"{name!r} in apt_architectures is not the name of an architecture, such as i386")
    declared = set(wanted) - {native}
    if not declared and not owned:
        return Architectures()
    result = tools.read(["dpkg", "--print-foreign-architectures"])
    if result.status:
        raise AptError(f"dpkg does not tell its architectures: {result.reason()}")
    there = set(result.output.split())
    gone = sorted((set(owned) - declared) & there)
    for package in staying:
        if package.architecture in gone:
            raise AptError(
                f"the architecture {package.architecture} is declared no longer, but {package.name}:"
                f"{package.architecture} is installed: list it in apt_absent_packages, or the architecture in "
                f"apt_architectures"
            )
    add = sorted(declared - there)
    return Architectures(add, gone, sorted({*add, *(declared & set(owned))}))


def apply(tools: Tools, verb: str, names: Iterable[str]) -> None:
    """Have dpkg `add` or `remove` architectures. Raises AptError."""
    for name in names:
        result = tools.write(["dpkg", f"--{verb}-architecture", name])
        if result.status:
            raise AptError(f"dpkg does not {verb} the architecture {name}: {result.reason()}")
