"""Filter plugin: the ports that virtual hosts are served on to others than their own host."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

DOCUMENTATION = r"""
name: vhost_ports
author: Strata contributors
short_description: The ports that virtual hosts are served on
description:
  - Returns the ports that the module M(apache_server) makes Apache listen on for O(apache_server#module:vhosts), those
    that a text of a virtual host names in C(Listen) and C(<VirtualHost>) among them, as numbers or as variables to
    which it gives a value itself (C(Define PORT 8080)).
  - What is only served on addresses of the host itself, such as C(127.0.0.1), has no port for others. What is not
    valid is left out, as the module says what is wrong with it.
options:
  _input:
    description: The virtual hosts.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Open the ports
  iptables_chain:
    public_tcp_ports: "{{ lookup('contributions', 'httpd_vhosts') | vhost_ports }}"
"""

RETURN = r"""
_value:
  description: The ports, sorted.
  type: list
  elements: int
"""

LAST_PORT = 65535
# As module_utils/strata/apache/text.py has them.
_OPENING = re.compile(r"^[ \t]*<VirtualHost[ \t]+([^>\n]+)>", re.MULTILINE | re.IGNORECASE)
_LISTEN = re.compile(r"^[ \t]*Listen[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)
_DEFINE = re.compile(r"""[ \t]*Define[ \t]+(\w+)[ \t]+["']?([^"'\s]+)["']?[ \t]*""", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class FilterModule:
    """See DOCUMENTATION."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"vhost_ports": vhost_ports}


def vhost_ports(vhosts: Iterable[Any]) -> list[int]:
    """Return the ports that virtual hosts are served on to others."""
    places = [place for vhost in vhosts if isinstance(vhost, dict) for place in _places(vhost)]
    ports = {int(port) for address, port in places if port.isdecimal() and not _is_own(address)}
    return sorted(port for port in ports if 1 <= port <= LAST_PORT)


def _places(vhost: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the address, which may be `*`, and the port of each place that a virtual host is served on."""
    if vhost.get("ensure") == "absent":
        return
    port = vhost.get("port")
    if vhost.get("content") is None:
        port = port or (443 if vhost.get("ssl") else 80)
        yield from ((str(address), str(port)) for address in vhost.get("addresses") or ["*"])
        return
    text = _expanded(str(vhost["content"]))
    words = " ".join([*_OPENING.findall(text), *_LISTEN.findall(text)]).split()
    named = [(address, number) for address, _, number in (word.strip("\"'").rpartition(":") for word in words)]
    yield from named
    if port is not None or not any(number.isdecimal() for _, number in named):
        yield "*", str(port or 80)


def _expanded(raw: str) -> str:
    """Return a text with the values of variables that it defines itself, line by line."""
    known: dict[str, str] = {}
    lines = []
    for written in raw.split("\n"):
        line = _VARIABLE.sub(lambda found: known.get(found[1], found[0]), written)
        if defined := _DEFINE.fullmatch(line):
            known[defined[1]] = defined[2]
        lines.append(line)
    return "\n".join(lines)


def _is_own(address: str) -> bool:
    """Tell whether only the host itself reaches an address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"
