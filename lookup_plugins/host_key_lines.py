"""Lookup plugin: the lines of a known_hosts file for hosts of the inventory."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import TYPE_CHECKING, Any, TypeVar

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DOCUMENTATION = """
name: host_key_lines
author: Strata contributors
short_description: The lines of a known_hosts file for hosts of the inventory
description:
  - Returns a line for each public SSH key of each host of the groups, with all names and addresses of the host.
  - A host's keys are C(known_hosts_keys) of the inventory, else those that C(preflight) read on the host when it saw it
    last, which are in the cache of facts. A host without keys is named in a warning.
  - Other SSH servers of a host, such as Gerrit's, are C(known_hosts_services) of the inventory, else what the modules
    that configure them said last.
  - What a host said of itself and is no key, port or list of them is left out, with a warning that names the host.
  - A host's names are its name, C(ansible_host), C(iptables_addresses) and C(known_hosts_names) of the inventory, each
    at the ports C(ansible_port) and C(sshd_ports), or that of the service.
options:
  _terms:
    description: Names of groups of the inventory.
    type: list
    elements: str
    required: true
  require_all:
    description: Whether a host without keys is an error.
    type: bool
    default: false
  entries:
    description: Hosts that are not in the inventory, each with C(names), C(keys), C(marker) and C(origin).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = """
- name: Configure the known hosts
  ansible.builtin.copy:
    content: "{{ query('host_key_lines', 'all') | join('\\n') }}\\n"
    dest: /etc/ssh/ssh_known_hosts
    mode: "0644"
"""

RETURN = """
_list:
  description: The lines.
  type: list
  elements: str
"""

T = TypeVar("T")

SSH_PORT, LAST_PORT = 22, 65535

#: So many keys or SSH servers a host may say that it has.
MOST_ENTRIES = 64

LONGEST_SHOWN = 200

#: Bytes of the shortest key, that of ssh-ed25519.
SHORTEST = 51

#: Anything else could end the line, or mean another host too.
NAME = re.compile(r"[\w.:%-]+", re.ASCII)
PATTERN = re.compile(r"[\w.:%*?!|+/=\[\]-]+", re.ASCII)

display = Display()


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the lines, and warn of the hosts without keys."""
        self.set_options(var_options=variables, direct=kwargs)
        given = variables or {}
        lines, unseen = [], []
        for host in lookup_loader.get("exported").members(terms, given["groups"], "known_hosts_groups"):
            of_host = given["hostvars"][host]
            found = list(host_lines(host, of_host))
            lines += found
            unseen += [] if found else [host]
            lines += service_lines(host, of_host)
        if unseen:
            problem = (
                f"no SSH key is known of {', '.join(unseen)}: let a run see them, or declare known_hosts_keys of each "
                "in the inventory"
            )
            if self.get_option("require_all"):
                raise AnsibleLookupError(problem)
            display.warning(problem)
        return lines + [line for entry in self.get_option("entries") for line in entry_lines(entry)]


def host_lines(host: str, variables: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each key of a host.

    Raises:
        AnsibleLookupError: a name or a declared key is not valid.

    """
    ports = [variables.get("ansible_port") or SSH_PORT, *(variables.get("sshd_ports") or [])]
    names = joined_places(host, variables, ports)
    declared = variables.get("known_hosts_keys")
    keys = (
        [checked_key(key, f"known_hosts_keys of {host}") for key in declared]
        if declared
        else said(host, variables, "ssh_host_keys", checked_key)
    )
    yield from (f"{names} {key}" for key in keys)


def service_lines(host: str, variables: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each key of each other SSH server of a host.

    Raises:
        AnsibleLookupError: a name, or a declared port or key is not valid.

    """
    declared = variables.get("known_hosts_services")
    services = (
        [checked_service(service, f"known_hosts_services of {host}") for service in declared]
        if declared
        else said(host, variables, "ssh_services", checked_service)
    )
    for port, keys in services:
        names = joined_places(host, variables, [port])
        yield from (f"{names} {key}" for key in keys)


def said(host: str, variables: Mapping[str, Any], fact: str, check: Callable[[Any, str], T]) -> list[T]:
    """Return what a host said of itself, without what is wrong: one host must not end the runs of all others."""
    entries = lookup_loader.get("exported").facts_of(host, variables).get(fact) or []
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        display.warning(f"{host}: its fact {fact} is no list of up to {MOST_ENTRIES} entries, and left out")
        return []
    found = []
    for entry in entries:
        try:
            found.append(check(entry, f"the fact {fact} of {host}"))
        except AnsibleLookupError as error:
            display.warning(f"{error.message}: it is left out")
    return found


def entry_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each key of a host that is not in the inventory.

    Raises:
        AnsibleLookupError: a name or a key is not valid.

    """
    for name in entry["names"]:
        if not PATTERN.fullmatch(name):
            raise AnsibleLookupError(f"{entry['origin']}: {name!r} is neither a name nor an address nor a pattern")
    marker = f"@{entry['marker']} " if entry.get("marker") else ""
    for key in entry["keys"]:
        yield f"{marker}{','.join(entry['names'])} {checked_key(key, entry['origin'])}"


def checked_service(service: Any, origin: str) -> tuple[int, list[str]]:
    """Return port and keys of an SSH server.

    Raises:
        AnsibleLookupError: it has no port, or no keys, or one that is not valid.

    """
    try:
        port, keys = int(service["port"]), list(service["keys"])
    except (KeyError, TypeError, ValueError, OverflowError):
        port, keys = 0, []
    if not 0 < port <= LAST_PORT or len(keys) > MOST_ENTRIES:
        raise AnsibleLookupError(f"{origin}: {shortened(service)} has no port, or no keys")
    return port, [checked_key(key, origin) for key in keys]


def checked_key(text: Any, origin: str) -> str:
    """Return type and key, without a comment.

    Raises:
        AnsibleLookupError: it is not a public key; ssh would leave the line out without a word.

    """
    kind, key = [*str(text).split(), "", ""][:2]
    try:
        inner = base64.b64decode(key, validate=True)
    except binascii.Error:
        inner = b""
    # A key begins with its type, and the length of that.
    if not inner.startswith(len(kind).to_bytes(4, "big") + kind.encode()) or len(inner) < SHORTEST:
        raise AnsibleLookupError(f"{origin}: {shortened(text)} is not a public key, such as 'ssh-ed25519 AAAA...'")
    return f"{kind} {key}"


def shortened(value: Any) -> str:
    """Return a value as a message shows it: hosts may say long things."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def joined_places(host: str, variables: Mapping[str, Any], ports: Sequence[int]) -> str:
    """Return what `places` gives, each once, as the first field of a line."""
    return ",".join(dict.fromkeys(places(host, variables, ports)))


def places(host: str, variables: Mapping[str, Any], ports: Sequence[int]) -> Iterator[str]:
    """Give each name and address of a host, at each of these ports, as ssh looks for it.

    Raises:
        AnsibleLookupError: a name is not valid.

    """
    names = [host, variables.get("ansible_host") or host]
    for name in (*names, *(variables.get("iptables_addresses") or []), *(variables.get("known_hosts_names") or [])):
        if not NAME.fullmatch(str(name)):
            raise AnsibleLookupError(f"known_hosts_names of {host}: {name!r} is neither a name nor an address")
        if not means_every_host(name):
            yield from (name if int(port) == SSH_PORT else f"[{name}]:{port}" for port in ports)


def means_every_host(name: str) -> bool:
    """Tell whether a name or address means, on every host, that host itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
