"""What every host shows to others: what listens in both families is open in both, or in neither."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

#: Seconds after which a port is taken for closed.
PATIENCE = 2


async def answers(address: str, port: str) -> bool:
    """Tell whether somebody accepts a connection."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, int(port)), PATIENCE)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def open_ports(address: str, ports: list[str]) -> list[str]:
    """Return those of some ports that accept a connection, all asked at the same time."""
    opens = await asyncio.gather(*(answers(address, port) for port in ports))
    return [port for port, is_open in zip(ports, opens, strict=True) if is_open]


def test_ports_are_open_in_both_families_or_in_none(host: Host, address: str, address6: str) -> None:
    places = [line.split()[3].rpartition(":") for line in host.check_output("ss -Hltn").splitlines()]
    ports = [{port for place, _, port in places if place in {wildcard, "*"}} for wildcard in ("0.0.0.0", "[::]")]
    both = sorted(set.intersection(*ports), key=int)
    assert "22" in both
    assert asyncio.run(open_ports(address, both)) == asyncio.run(open_ports(address6, both))
