"""Debian packages as values: what a host has, what it is to have, and the plan that leads from one to the other."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Policy 5.6.7, less a final minus: no package has one, and apt-get would take it for an order to remove.
_NAME = re.compile(
    r"([a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::([a-z0-9][a-z0-9-]*[a-z0-9]))?(?:=([0-9][A-Za-z0-9.+:~-]*\*?))?"
)

QUERY = ["dpkg-query", "--show", "--showformat"]
QUERY.append(r"${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\t${Provides}\t${Config-Version}\n")

_STATES = {"U": "unpacked", "F": "half-configured", "W": "awaiting triggers", "t": "with triggers pending"}


class AptError(Exception):
    """The packages cannot be as wanted; the message says why, for a person."""


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
class Wish:
    """A package that somebody wants installed, absent or held.

    No architecture is the host's own, no version any; a version may end in an asterisk.
    """

    name: str
    architecture: str = ""
    origins: tuple[str, ...] = ()
    version: str = ""

    @property
    def spec(self) -> str:
        """The name, with the architecture."""
        return f"{self.name}:{self.architecture}" if self.architecture else self.name

    @property
    def order(self) -> str:
        """The name with the version, as apt-get understands it."""
        return f"{self.spec}={self.version}" if self.version else self.spec

    def __str__(self) -> str:
        """Return the name with those who asked for it."""
        return f"{self.order} ({', '.join(self.origins)})" if self.origins else self.order

    def fits(self, package: Package) -> bool:
        """Whether a package of that name is of the wanted version."""
        return not self.version or fnmatch.fnmatchcase(package.version, self.version)


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

    def present(self) -> dict[str, str]:
        """Return the packages of which more than configuration files is there, with their versions."""
        return {self.key(package): package.version for package in self.packages if package.present}


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
            *(f"+ {wish.order}" for wish in self.install),
            *(f"~ {key} ({package.state})" for key, package in self.configure),
            *(f"- {key}" for key, _ in self.remove),
        ]

    def arguments(self) -> list[str]:
        """Return the plan as arguments of `apt-get install --`; dpkg configures what is only to be configured."""
        return [
            # apt-get reads "less+" as an order to install less; one more plus makes it the package's own.
            *(f"{wish.order}+" if wish.order.endswith("+") else wish.order for wish in self.install),
            *(f"{key}-" for key, _ in self.remove),
        ]


@dataclass(frozen=True)
class Holds:
    """Packages, by their keys, that are put on hold and released."""

    hold: tuple[str, ...] = ()
    release: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is something to do."""
        return bool(self.hold or self.release)

    def lines(self) -> list[str]:
        """Return the holds for a person, a line a package."""
        return [*(f"= {key} (held)" for key in self.hold), *(f"= {key} (no longer held)" for key in self.release)]

    def selections(self) -> str:
        """Return them as `dpkg --set-selections` reads them."""
        return "".join([*(f"{key} hold\n" for key in self.hold), *(f"{key} install\n" for key in self.release)])


def parse_query(output: str) -> Host:
    """Return the host that the output of QUERY describes."""
    packages = []
    for line in output.splitlines():
        status, name, architecture, version, provides, configured = line.split("\t")
        virtual = frozenset(part.split("(")[0].strip() for part in provides.split(",")) - {""}
        packages.append(Package(status, name, architecture, version, virtual, configured))
    return Host(tuple(packages))


def parse_wishes(items: Iterable[Mapping[str, Any]], *, versions: bool = False) -> list[Wish]:
    """Return one wish for each package of a list of `{value, origin}`, sorted by name; some may have `versions`.

    Raises:
        AptError: a name is none that a package can have, or a package is wanted at two versions.

    """
    found: dict[tuple[str, str], Wish] = {}
    for item in items:
        match = _NAME.fullmatch(item["value"])
        if not match or (match[3] and not versions):
            asker = f" ({item['origin']})" if item["origin"] else ""
            raise AptError(f"{item['value']!r}{asker} is not the name of a Debian package")
        key = (match[1], match[2] or "")
        wish = found.get(key, Wish(*key))
        asked = replace(wish, origins=(item["origin"],) if item["origin"] else (), version=match[3] or "")
        if wish.version and asked.version and wish.version != asked.version:
            raise AptError(f"{wish} is wanted, and {asked} too: only one version can be installed")
        origins = tuple(dict.fromkeys((*wish.origins, *asked.origins)))
        found[key] = replace(wish, origins=origins, version=wish.version or asked.version)
    return [wish for _, wish in sorted(found.items())]


def make_plan(host: Host, wanted: Iterable[Wish], absent: Iterable[Wish]) -> Plan:
    """Compare a host with the wishes.

    Raises:
        AptError: a package is both wanted and to be absent, or is to be absent and is held.

    """
    absent = list(absent)
    remove = []
    rest = []
    for package in host.packages:
        wish = next((wish for wish in absent if _forbids(wish, package.name, package.architecture)), None)
        if wish is None or not package.present:
            rest.append(package)
        elif package.held:
            raise AptError(f"{wish} cannot be removed: the package is on hold")
        else:
            remove.append(package)
    install = []
    configure = []
    for wish in wanted:
        architecture = wish.architecture or host.native
        for other in absent:
            if _forbids(other, wish.name, architecture):
                raise AptError(f"{wish} is wanted, and {other} must be absent")
        found = [
            package
            for package in rest
            if package.architecture in (architecture, "all")
            and (package.name == wish.name or (wish.name in package.provides and not wish.version))
            and wish.fits(package)
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


def plan_holds(host: Host, held: Iterable[Wish], owned: Iterable[str]) -> Holds:
    """Compare the holds of a host with the wishes; those of `owned` that nobody declares are released."""
    held = list(held)
    declared = {
        host.key(package): package
        for package in host.packages
        if any(wish.name == package.name and wish.architecture in ("", package.architecture) for wish in held)
    }
    holds = tuple(key for key, package in declared.items() if package.present and not package.held)
    on_hold = {host.key(package) for package in host.packages if package.held}
    return Holds(holds, tuple(key for key in owned if key in on_hold and key not in declared))
