"""Which hosts are due: what changed since the revision that each was brought to affects them."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from strata.affected.report import affected
from strata.deploy.source import common
from strata.vendored.git import Git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from strata.deploy.state import HostState


def due(root: Path, inventory: str, commit: str, states: Mapping[str, HostState]) -> dict[str, str]:
    """Return the hosts that are due, each with the reason.

    Args:
        root: a checkout of the commit.
        inventory: which one the hosts are of, as a path in the repository.
        commit: what is deployed.
        states: what is known of each host.

    Raises:
        StrataError: a file of the repository cannot be read.

    """
    git, name = Git(), PurePosixPath(inventory).name

    @cache
    def touched(revision: str) -> frozenset[str] | None:
        """Return the hosts that differ since a revision, None if nobody can tell."""
        ends = {revision, commit}
        base = common(git, root, revision, commit)
        if base not in ends:
            return None
        (tip,) = ends - {base}
        return frozenset(affected(root, f"{base}..{tip}").hosts.get(name, ()))

    found = {}
    for host, state in states.items():
        if state.begun:
            found[host] = f"it is not as {state.begun[:12]} wants it"
        elif not state.revision:
            found[host] = "it is new"
        elif state.revision != commit:
            hosts = touched(state.revision)
            if hosts is None:
                found[host] = f"nobody knows what changed since {state.revision[:12]}"
            elif host in hosts:
                found[host] = f"affected since {state.revision[:12]}"
    return found
