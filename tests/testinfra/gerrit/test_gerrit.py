"""gerrit: a real one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


def test_it_answers(host: Host) -> None:
    assert host.service("gerrit").is_running
