"""Debian packages as values: what a host has, what it is to have, and the plan that leads from one to the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Policy 5.6.7, less a final minus: no package has one, and apt-get would take it for an order to remove.
_NAME = re.compile(r"([a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::([a-z0-9][a-z0-9-]*[a-z0-9]))?")

QUERY = ["dpkg-query", "--show", "--showformat"]
QUERY.append(r"${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\t${Provides}\n")

_STATES = {"U": "unpacked", "F": "half-configured", "W": "awaiting triggers", "t": "with triggers pending"}


class PackagesError(Exception):
    """The packages cannot be as wanted; the message says why, for a person."""


@dataclass(frozen=True)
class Package:
    """A package in dpkg's database; `status` is dpkg-query's abbreviation, for example "ii" or "hi"."""

    status: str
    name: str
    architecture: str
    version: str
    provides: frozenset[str] = frozenset()

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
    def state(self) -> str:
        """The state of an unfinished package in words."""
        return _STATES[self.status[1]]


@dataclass(frozen=True)
class Wish:
    """A package that somebody wants installed or absent; no architecture is the host's own."""

    name: str
    architecture: str = ""
    origins: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        """The name as it was written."""
        return f"{self.name}:{self.architecture}" if self.architecture else self.name

    def __str__(self) -> str:
        """Return the name with those who asked for it."""
        return f"{self.spec} ({', '.join(self.origins)})" if self.origins else self.spec


@dataclass(frozen=True)
class Host:
    """All packages in dpkg's database."""

    packages: tuple[Package, ...]

    @property
    def native(self) -> str:
        """The host's own architecture: that of dpkg itself."""
        return next((package.architecture for package in self.packages if package.name == "dpkg"), "")

    @property
    def unfinished(self) -> bool:
        """Whether dpkg has yet to configure something."""
        return any(package.unfinished for package in self.packages)

    def key(self, package: Package) -> str:
        """Return the shortest name that apt and dpkg understand for a package."""
        own = package.architecture in (self.native, "all")
        return package.name if own else f"{package.name}:{package.architecture}"

    def versions(self) -> dict[str, str]:
        """Return the installed packages with their versions."""
        return {self.key(package): package.version for package in self.packages if package.installed}


@dataclass(frozen=True)
class Plan:
    """What one transaction does; packages to configure and to remove are paired with their keys."""

    install: tuple[Wish, ...] = ()
    configure: tuple[tuple[str, Package], ...] = ()
    remove: tuple[tuple[str, Package], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is something to do."""
        return bool(self.install or self.configure or self.remove)

    def lines(self) -> list[str]:
        """Return the plan for a person, a line a package."""
        return [
            *(f"+ {wish.spec}" for wish in self.install),
            *(f"~ {key} ({package.state})" for key, package in self.configure),
            *(f"- {key}" for key, _ in self.remove),
        ]

    def arguments(self) -> list[str]:
        """Return the plan as arguments of `apt-get install --`; dpkg configures what is only to be configured."""
        return [
            # apt-get reads "less+" as an order to install less; one more plus makes it the package's own.
            *(f"{wish.spec}+" if wish.spec.endswith("+") else wish.spec for wish in self.install),
            *(f"{key}-" for key, _ in self.remove),
        ]


def parse_query(output: str) -> Host:
    """Return the host that the output of QUERY describes."""
    packages = []
    for line in output.splitlines():
        status, name, architecture, version, provides = line.split("\t")
        virtual = frozenset(part.split("(")[0].strip() for part in provides.split(",")) - {""}
        packages.append(Package(status, name, architecture, version, virtual))
    return Host(tuple(packages))


def parse_wishes(items: Iterable[Mapping[str, Any]]) -> list[Wish]:
    """Return one wish for each package of a list of `{value, origin}`, sorted by name.

    Raises:
        PackagesError: a name is none that a package can have.

    """
    origins: dict[tuple[str, str], list[str]] = {}
    for item in items:
        match = _NAME.fullmatch(item["value"])
        if not match:
            asker = f" ({item['origin']})" if item["origin"] else ""
            raise PackagesError(f"{item['value']!r}{asker} is not the name of a Debian package")
        askers = origins.setdefault((match[1], match[2] or ""), [])
        if item["origin"] and item["origin"] not in askers:
            askers.append(item["origin"])
    return [Wish(*name, tuple(askers)) for name, askers in sorted(origins.items())]


def make_plan(host: Host, wanted: Iterable[Wish], absent: Iterable[Wish]) -> Plan:
    """Compare a host with the wishes.

    Raises:
        PackagesError: a package is both wanted and to be absent, or is to be absent and is held.

    """
    absent = list(absent)
    remove = []
    rest = []
    for package in host.packages:
        wish = next((wish for wish in absent if _forbids(wish, package.name, package.architecture)), None)
        if wish is None or not package.present:
            rest.append(package)
        elif package.status[0] == "h":
            raise PackagesError(f"{wish} cannot be removed: the package is on hold")
        else:
            remove.append(package)
    install = []
    configure = []
    for wish in wanted:
        architecture = wish.architecture or host.native
        for other in absent:
            if _forbids(other, wish.name, architecture):
                raise PackagesError(f"{wish} is wanted, and {other} must be absent")
        found = [
            package
            for package in rest
            if package.architecture in (architecture, "all")
            and (package.name == wish.name or wish.name in package.provides)
        ]
        if any(package.installed for package in found):
            continue
        unfinished = [package for package in found if package.unfinished]
        configure += unfinished
        if not unfinished:
            install.append(wish)
    return Plan(
        tuple(install),
        tuple((host.key(package), package) for package in dict.fromkeys(configure)),
        tuple((host.key(package), package) for package in remove),
    )


def _forbids(absent: Wish, name: str, architecture: str) -> bool:
    return absent.name == name and (not absent.architecture or architecture in (absent.architecture, "all"))
