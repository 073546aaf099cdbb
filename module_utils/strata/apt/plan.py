"""What is to do with the packages of a host, from what it has and what is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.strata.apt.declared import Wish
    from ansible.module_utils.strata.apt.host import Host, Package


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

    def describe(self, absent: Iterable[Wish]) -> str:
        """Return in words what is done and who asked for it."""
        names = {package.name for _, package in self.remove}
        parts = {
            "installing": [str(wish) for wish in self.install],
            "configuring": [key for key, _ in self.configure],
            "removing": [str(wish) for wish in absent if wish.name in names],
        }
        described = (f"{verb} {', '.join(what)}" for verb, what in parts.items() if what)
        return " and ".join(described) or "completing the interrupted installations"


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


def make_plan(host: Host, wanted: Iterable[Wish], absent: Iterable[Wish]) -> Plan:
    """Compare a host with the wishes.

    Raises:
        DeclarationError: a package is both wanted and to be absent.
        AptError: a package is to be absent and is held.

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
                raise DeclarationError(f"{wish} is wanted, and {other} must be absent")
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
    on_hold = host.on_hold()
    return Holds(holds, tuple(key for key in owned if key in on_hold and key not in declared))
