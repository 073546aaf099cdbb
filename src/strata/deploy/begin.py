"""How a deploy begins: what is to be deployed, and the code of just that revision, which does the rest."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from strata.deploy.source import Source
from strata.errors import StrataError
from strata.paths import ROOT
from strata.vendored.git import GitError
from strata.vendored.roles import VendoredRoles
from strata.vendored.sync import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strata.deploy.settings import Settings
    from strata.deploy.state import Store

#: By this variable the code of a revision is told what its caller found out.
HANDED = "STRATA_DEPLOY_HANDED"

#: The lowest descriptor that no shell on the way uses.
OUT_OF_THE_WAY = 100


@dataclass(frozen=True)
class Handed:
    """What the code of a revision is told: which one it is, what went wrong, and its lock's descriptor."""

    commit: str
    trouble: str
    lock: int


def handed() -> Handed | None:
    """Return what we were told by who started us, and tell nobody else. Raises StrataError."""
    said = os.environ.pop(HANDED, None)
    if said is None:
        return None
    try:
        known = json.loads(said)
        return Handed(known["commit"], known["trouble"], known["lock"])
    except (ValueError, KeyError, TypeError):
        raise StrataError(f"{HANDED} is for `strata deploy` itself: unset it") from None


def resolve(source: Source, store: Store, *, rewritten: bool, say: Callable[[str], None]) -> tuple[str, str]:
    """Return the commit that is to be deployed, and why the branch could not be fetched, "" if it was.

    Args:
        source: where the branch is.
        store: what is known; a hold stands for the branch.
        rewritten: whether the branch may be another one than what came after what is deployed.
        say: gets what is wrong.

    Raises:
        StrataError: nothing is known of the branch, or it was rewritten.

    """
    trouble = ""
    try:
        source.fetch()
    except GitError as error:
        trouble = str(error)
        say(f"the branch could not be fetched, so that what is known of it is deployed: {trouble}")
    commit = source.accept(rewritten=rewritten)
    hold = store.hold()
    return (hold.revision if hold and hold.revision else commit), trouble


def is_done(store: Store, commit: str, inventory: str) -> bool:
    """Return whether all hosts are as a commit wants them, but those that are disabled. Raises StrataError."""
    target = store.target()
    if target is None or (target.revision, target.inventory) != (commit, inventory):
        return False
    disabled = store.disabled()
    if any(each.over for each in disabled.values()):
        return False
    states = [store.host(host) for host in target.hosts if host not in disabled]
    return all(state.revision == commit and not state.begun for state in states)


def strata_of(tree: Path, program: str) -> tuple[Path, dict[str, str]]:
    """Return the program that is the `strata` of a tree, and its environment."""
    return Path(program or tree / "bin/strata"), os.environ | {
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
        "STRATA_TREE": str(tree),
        # Python's environment may be one that another tree has made, and has that one's code.
        "PYTHONPATH": str(tree / "src"),
    }


def hand_over(tree: Path, program: str, told: Handed, arguments: Sequence[str]) -> NoReturn:
    """Become the `strata deploy` of a tree, which holds our lock from then on."""
    kept = fcntl.fcntl(told.lock, fcntl.F_DUPFD, OUT_OF_THE_WAY)
    path, environment = strata_of(tree, program)
    environment |= {HANDED: json.dumps(asdict(replace(told, lock=kept)))}
    os.execve(path, ["strata", "deploy", *arguments], environment)  # noqa: S606 - it is no shell


def source_of(settings: Settings) -> Source:
    """Return where what is deployed comes from. Raises StrataError."""
    return Source(settings.folder, settings.url, settings.branch)


def check_tree(source: Source, commit: str) -> None:
    """Check that we are the code of a commit. Raises StrataError."""
    if source.path(commit).resolve() != ROOT:
        raise StrataError(f"{ROOT} is not the tree of {commit[:12]}: call `strata deploy` without {HANDED}")


def bring_roles(say: Callable[[str], None]) -> None:
    """Bring the roles of other repositories that the revision pins. Raises StrataError."""
    outcome = sync(VendoredRoles(ROOT / "modules.env"), {}, say)
    for failed in outcome.failed:
        raise StrataError(f"a role of another repository cannot be brought: {failed}")
