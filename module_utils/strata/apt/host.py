"""The packages that a host has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Sequence

QUERY = ["dpkg-query", "--show", "--showformat"]
QUERY.append(r"${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\t${Provides}\t${Config-Version}\n")

_STATES = {"U": "unpacked", "F": "half-configured", "W": "awaiting triggers", "t": "with triggers pending"}


class AptError(StrataError):
    """Apt or dpkg cannot bring this host to the declared state."""


@dataclass(frozen=True)
class Package:
    """A package in dpkg's database.

    `status` is dpkg-query's abbreviation, for example "ii" or "hi"; `configured` is the version that an unfinished
    package had before.
    """

    status: str
    name: str
    architecture: str
    version: str
    provides: frozenset[str] = frozenset()
    configured: str = ""

    @property
    def installed(self) -> bool:
        """Whether it is installed and configured."""
        return self.status[1] == "i"

    @property
    def unfinished(self) -> bool:
        """Whether dpkg has yet to configure it."""
        return self.status[1] in _STATES

    @property
    def present(self) -> bool:
        """Whether more of it than configuration files is there."""
        return self.installed or self.unfinished or self.status[1] == "H"

    @property
    def held(self) -> bool:
        """Whether it is on hold."""
        return self.status[0] == "h"

    @property
    def state(self) -> str:
        """The state of an unfinished package in words."""
        return _STATES[self.status[1]]


@dataclass(frozen=True)
class Host:
    """All packages in dpkg's database."""

    packages: tuple[Package, ...]

    @property
    def native(self) -> str:
        """The host's own architecture: that of dpkg itself."""
        return next((package.architecture for package in self.packages if package.name == "dpkg"), "")

    def key(self, package: Package) -> str:
        """Return the shortest name that apt and dpkg understand for a package."""
        own = package.architecture in (self.native, "all")
        return package.name if own else f"{package.name}:{package.architecture}"

    def released(self, keys: Sequence[str]) -> Host:
        """Return the host when some packages are on hold no longer."""
        return Host(tuple(replace(p, status=f"i{p.status[1:]}") if self.key(p) in keys else p for p in self.packages))

    def versions(self) -> dict[str, str]:
        """Return the installed packages with their versions."""
        return {self.key(package): package.version for package in self.packages if package.installed}

    def on_hold(self) -> set[str]:
        """Return the packages that are on hold."""
        return {self.key(package) for package in self.packages if package.held}

    def present(self) -> dict[str, str]:
        """Return the packages of which more than configuration files is there, with their versions."""
        return {self.key(package): package.version for package in self.packages if package.present}


def parse_query(output: str) -> Host:
    """Return the host that the output of QUERY describes."""
    packages = []
    for line in output.splitlines():
        status, name, architecture, version, provides, configured = line.split("\t")
        virtual = frozenset(part.split("(")[0].strip() for part in provides.split(",")) - {""}
        packages.append(Package(status, name, architecture, version, virtual, configured))
    return Host(tuple(packages))
