"""What is declared of a host's Apache, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apache import modules, vhosts
from ansible.module_utils.strata.apache.checks import FILE_NAME, LAST_PORT, check
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Declared:
    """What this host's Apache shall be; `ports` are all that it listens on, those of the sites among them."""

    sites: Sequence[vhosts.Site]
    modules: modules.Wanted
    ports: Sequence[int]
    server_name: str
    disabled_modules: Sequence[str] = ()
    disabled_sites: Sequence[str] = ()
    purge: Sequence[str] = ()


def parse(params: Mapping[str, Any], server_name: str) -> Declared:
    """Return what the module's parameters declare of the Apache of the host with this name.

    Raises:
        DeclarationError: a value is not valid, or the declarations contradict each other.

    """
    check(FILE_NAME, server_name, "this host", "name", "is not a host name")
    sites = vhosts.sites(params["vhosts"])
    for name in params["disabled_sites"]:
        check(FILE_NAME, name, "disabled_sites", "name", "is not the name of a site")
        site = next((each for each in sites if each.file == f"{name}.conf"), None)
        if site:
            raise DeclarationError(f"{site} is also among the disabled sites")
    return Declared(
        sites,
        modules.wanted(params["modules"], sites),
        _all_ports(sites, params["ports"]),
        server_name,
        params["disabled_modules"],
        params["disabled_sites"],
        params["purge"],
    )


def _all_ports(sites: Iterable[vhosts.Site], ports: Iterable[int]) -> list[int]:
    listening = sorted({*ports, *(port for site in sites for port in site.ports)})
    if not listening:
        raise DeclarationError("no vhost and no port is declared: Apache needs a port to listen on")
    if not 1 <= listening[0] <= listening[-1] <= LAST_PORT:
        raise DeclarationError(f"ports: not all of {listening} are between 1 and {LAST_PORT}")
    return listening
