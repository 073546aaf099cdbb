"""The sandbox of inventories/sandbox: the organisation of site.yml in containers."""

import os
from dataclasses import asdict, dataclass, replace

from strata.errors import StrataError, UsageError
from strata.paths import ROOT
from strata.repository import inventory
from strata.sandbox.hosts import Host, Sandbox

SOURCE = ROOT / "inventories" / "sandbox"


@dataclass(frozen=True)
class HostStatus:
    """What `strata status` says of a host."""

    name: str
    groups: tuple[str, ...]
    os: str
    address: str
    address6: str
    state: str
    urls: list[str]


def named_sandbox() -> Sandbox:
    """Return the sandbox, without what is declared of its hosts; `STRATA_SANDBOX` names another one beside it."""
    return Sandbox(os.environ.get("STRATA_SANDBOX", "sandbox"))


def declared_sandbox(limit: str | None = None) -> Sandbox:
    """Return the sandbox with the hosts of inventories/sandbox.

    Args:
        limit: a pattern of the hosts that it is to have beside those that are up, instead of all.

    Raises:
        StrataError: a host has no image or number, a number is taken twice, or no host matches.

    """
    hosts = []
    numbers: dict[int, str] = {}
    for host in inventory.hosts(SOURCE):
        image, number = host.variables.get("sandbox_image"), host.variables.get("sandbox_number")
        if not isinstance(image, str) or not isinstance(number, int):
            raise StrataError(f"inventories/sandbox: {host.name} needs sandbox_image and sandbox_number")
        if number in numbers:
            raise StrataError(
                f"inventories/sandbox: {host.name} and {numbers[number]} both have sandbox_number {number}"
            )
        numbers[number] = host.name
        hosts.append(Host(host.name, image, number))
    sandbox = replace(named_sandbox(), hosts=hosts)
    if limit is not None:
        chosen = {host.name for host in inventory.manager(SOURCE).get_hosts(limit)}
        if not chosen:
            raise UsageError(f"inventories/sandbox: no host matches {limit}")
        kept = {*chosen, *sandbox.known()}
        sandbox.hosts = [host for host in hosts if host.name in kept]
    return sandbox


def status(sandbox: Sandbox) -> list[HostStatus]:
    """Return the state of each host of inventories/sandbox, sorted by name."""
    known, states = sandbox.known(), sandbox.states()
    return [
        HostStatus(
            name=host.name,
            groups=host.groups,
            os=str(host.variables.get("sandbox_image", "")),
            address=known.get(host.name, {}).get("address", ""),
            address6=known.get(host.name, {}).get("address6", ""),
            state=states.get(host.name, "absent"),
            urls=[
                url.format(**known[host.name]) for url in host.variables.get("sandbox_urls", []) if host.name in known
            ],
        )
        for host in inventory.hosts(SOURCE)
    ]


def as_json(statuses: list[HostStatus]) -> dict[str, object]:
    """Return the statuses in the documented form of `status --json`."""
    return {"hosts": [asdict(entry) for entry in statuses]}
