"""All sandboxes of this checkout: of people, tests and benchmarks, also of those that died."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.paths import CHECKOUT, STATE, shown
from strata.sandbox import hosts
from strata.sandbox.podman import podman_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What molecule knows of the hosts that `strata test` had it boot.
MOLECULE = STATE / "molecule"


def remove_all(say: Callable[[str], None]) -> None:
    """Remove the sandboxes of this checkout; `say` gets what was removed.

    Raises:
        StrataError: something is left; all else is removed.

    """
    containers, networks = _listed()
    folders = [path.name for path in (STATE / "sandboxes").glob("*")]
    sockets = [path.name.removeprefix(f"{CHECKOUT}-") for path in hosts.SOCKETS.glob(f"{CHECKOUT}-*")]
    failed = []
    for name in sorted({*sandboxes(containers, networks), *folders, *sockets}):
        try:
            for what in hosts.Sandbox(name).down():
                say(what)
        except StrataError as error:
            failed.append(str(error))
    for folder in sorted(MOLECULE.glob("*")):
        shutil.rmtree(folder)
        say(f"folder {shown(folder)}")
    if failed:
        raise StrataError("; ".join(failed))


def names() -> list[str]:
    """Return the names of the sandboxes of this checkout that have hosts or a network."""
    return sorted(sandboxes(*_listed()))


def sandboxes(containers: Mapping[str, str], networks: Iterable[str]) -> set[str]:
    """Return the names of the sandboxes of this checkout.

    Args:
        containers: all containers of this machine, each name with its label, which has checkout and sandbox.
        networks: the names of all networks.

    """
    prefix = f"strata-{CHECKOUT}-"
    labels = {label for name, label in containers.items() if name.startswith(prefix)}
    return {
        *(label.removeprefix(f"{CHECKOUT}-") for label in labels if label.startswith(f"{CHECKOUT}-")),
        *(name.removeprefix(prefix) for name in networks if name.startswith(prefix)),
    }


def _listed() -> tuple[dict[str, str], list[str]]:
    """Return all containers, each name with its label, and the names of all networks."""
    containers = {
        name: (entry.get("Labels") or {}).get("strata.sandbox", "")
        for entry in podman_json("ps", "--all", "--format", "json")
        for name in entry["Names"]
    }
    return containers, [entry["name"] for entry in podman_json("network", "ls", "--format", "json")]
