"""The way from the base to a change on the hosts of a scenario, and what it leaves behind."""

from __future__ import annotations

import base64
import json
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from strata.paths import BIN
from strata.repository.checkout import Repository
from strata.suite.parts import ephemeral, scenario_hosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from strata.gate.session import Session
    from strata.gate.trees import Tree, Trees

#: Things of a fingerprint that can be left behind.
KINDS = ("path ", "unit ", "package ")
#: What a host has from its own history, whatever is declared: copies that programs keep of what they change.
OWN = tuple(
    f"path {path}" for path in ("/etc/*-", "/etc/.*.lock", "/var/lib/apt/*", "/var/lib/dpkg/*", "/var/lib/ucf/*")
)


def scenario_upgrade(role: str, former: Tree, trees: Trees, session: Session) -> dict[str, str]:
    """Converge the hosts of a scenario at the base, with the change and once more; return what is wrong in each step.

    The hosts are those of the change's scenario; a host that only ever saw the change is known from the scenario's own
    runs, which come before. Raises StrataError, Interrupted.
    """
    state = ephemeral(role)
    wrong: dict[str, str] = {}
    present = scenario_hosts(role, root=trees.head.root)
    hosts = [host for host in scenario_hosts(role, root=former.root) if host in present]

    def molecule(tree: Tree, verb: str) -> int:
        limit = ["--", f"--limit={','.join(hosts)}"] if verb == "converge" else []
        command = [verb, "--no-command-borders", f"--scenario-name={role}", *limit]
        return session.run(tree, BIN / "molecule", *command, MOLECULE_EPHEMERAL_DIRECTORY=str(state))

    for name, tree, verb in (
        ("hosts boot", trees.head, "create"),
        ("they converge at the base", former, "converge"),
        ("they converge with the change", trees.head, "converge"),
        ("a second run ends well", trees.head, "converge"),
    ):
        code = molecule(tree, verb)
        wrong[name] = f"exit code {code}" if code else ""
        if code:
            return wrong
    *_, last = _records(state / "runs")
    wrong["a second run changes nothing"] = "; ".join(_changed(last))
    fresh = next((record for record in _records(trees.folder / "runs" / role) if not record["check"]), None)
    if fresh is None:
        wrong["nothing is left behind"] = "no host is known that only saw the change, as the scenario failed"
        return wrong
    named = [str(pattern) for pattern in Repository(trees.head.root).known_roles[role].metadata.get("left_behind", ())]
    left = {host: left_behind(after(fresh)[host], things, named) for host, things in after(last).items()}
    found = [f"{host}: {', '.join(things)}" for host, things in left.items() if things]
    hint = "; remove it, or name it in left_behind of the role's meta/strata.yml"
    wrong["nothing is left behind"] = "; ".join(found) + hint if found else ""
    return wrong


def left_behind(fresh: Iterable[str], upgraded: Iterable[str], named: Iterable[str]) -> list[str]:
    """Return the paths, units and packages that a host has which saw the base, but no host that only saw the change.

    Args:
        fresh: the things on the one that only saw the change.
        upgraded: those on the other one.
        named: patterns of paths, units and packages that may be left.

    """
    patterns = [*OWN, *(f"{kind}{pattern}" for kind in KINDS for pattern in named)]
    found = sorted({thing for thing in upgraded if thing.startswith(KINDS)} - set(fresh))
    return [thing for thing in found if not any(fnmatchcase(thing, pattern) for pattern in patterns)]


def after(record: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the last fingerprint of each host in the record of a run."""
    packed = {
        host: did["fingerprint"]
        for play in record["plays"]
        for host, did in play["hosts"].items()
        if "fingerprint" in did
    }
    return {host: json.loads(zlib.decompress(base64.b64decode(text))) for host, text in packed.items()}


def _changed(record: Mapping[str, Any]) -> list[str]:
    return [
        f"{host}: {', '.join(did['changed'])}"
        for play in record["plays"]
        for host, did in play["hosts"].items()
        if did["changed"]
    ]


def _records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of the runs of a scenario's own playbook, in their order."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [record for record in records if record["playbook"] == "converge.yml"]
