"""Catalogs of a revision, compiled in a process of its own: confined, unless the revision is trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.catalog import revisions, store
from strata.catalog.confined import OURS, SCRATCH, confined, refused
from strata.catalog.facts import folders
from strata.catalog.report import clean
from strata.catalog.resource import from_json
from strata.errors import StrataError
from strata.paths import ROOT, STATE
from strata.repository.inventory import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Where a process that is confined has the files of its tree, its inventory if that is elsewhere, and facts.
TREE, INVENTORY, FACTS = "/tree", "/inventory", "/facts"

#: Where an inventory has what stands for the state of a checkout, such as a sandbox's addresses, and for files that are
#: elsewhere on the machine.
RECORDED_STATE, RECORDED_ROOT = f"{RECORDED}/state", f"{RECORDED}/root"

#: The last line of a catalog, and of nothing in it.
END = "}\n"

#: Seconds after which a process is taken to hang.
LONGEST = 1800

#: The key of what is hashed by a process that is confined is made of ours by this name, and does not give it away.
KEY_NAME = b"confined"


@dataclass(frozen=True)
class Request:
    """What is compiled.

    Attributes:
        inventory: whose hosts.
        hosts: which ones, all if none are named.
        facts: the folder of recorded facts; None for the usual ones.
        given: facts that hold for all hosts, whatever is recorded.
        trusted: whether plugins may see and do what this process may, secrets are read, and this checkout's state is.

    """

    inventory: Path
    hosts: tuple[str, ...] = ()
    facts: Path | None = None
    given: dict[str, Any] = field(default_factory=dict)
    trusted: bool = False


@contextmanager
def catalogs(revision: str, request: Request) -> Iterator[dict[str, Path]]:
    """Give the files of the catalogs of a revision, of the files as they are if it is "", by host.

    Those of a commit are kept, until something that they are made of is another one.

    Raises:
        UsageError: there is no such revision, inventory or host.
        StrataError: it cannot be compiled, or not be confined.

    """
    if not revision:
        with tempfile.TemporaryDirectory() as folder:
            store.write(compiled("", request), Path(folder))
            yield store.files(Path(folder))
        return
    commit = revisions.commit_of(revision)
    hosts = request.hosts
    with store.kept(_inputs(commit, request), _places(request)) as kept:
        missing = tuple(host for host in hosts if not any(kept.glob(f"{host}.*")))
        if missing or not (hosts or (kept / store.ALL).exists()):
            written = store.write(compiled(commit, replace(request, hosts=missing)), kept)
            for host in {*missing} - written:
                (kept / f"{host}{store.ABSENT}").touch()
            if not hosts:
                (kept / store.ALL).touch()
        yield {host: path for host, path in store.files(kept).items() if not hosts or host in hosts}


def _inputs(commit: str, request: Request) -> str:
    """Return what catalogs are made of beside files."""
    said = asdict(request) | {"hosts": (), "commit": commit, "python": sys.prefix}
    settings = {name: value for name, value in os.environ.items() if name.startswith(("ANSIBLE_", "STRATA_"))}
    return json.dumps(said | {"settings": settings if request.trusted else {}}, sort_keys=True, default=str)


def _places(request: Request) -> Iterator[Path]:
    """Give the files and folders outside of the tree that catalogs are made of."""
    yield Path(__file__).parent
    yield request.inventory
    yield from folders(request.inventory, request.facts)
    if request.trusted:
        yield STATE / "sandboxes"
        yield from map(Path, filter(None, [os.environ.get("STRATA_PRIVATE")]))


def compiled(revision: str, request: Request) -> Iterator[tuple[str, str]]:
    """Compile a revision, and give hosts with the texts of their catalogs.

    Raises:
        UsageError: there is no such revision, inventory or host.
        StrataError: it cannot be compiled, or not be confined.

    """
    commit, key = revision and revisions.commit_of(revision), store.key()
    job: dict[str, Any] = {
        "name": commit[:12] or "the files as they are",
        "hosts": list(request.hosts),
        "revision": commit or revisions.current(),
        "given": request.given,
    }
    with revisions.files_of(commit) as tree:
        inside = tree / request.inventory.relative_to(ROOT) if request.inventory.is_relative_to(ROOT) else None
        if request.trusted:
            _lend(tree)
            known = [str(path.absolute()) for path in folders(request.inventory, request.facts)]
            job |= {"tree": str(tree), "inventory": str(inside or request.inventory), "facts": known}
            environment = os.environ | {"PYTHONPATH": str(OURS), "ANSIBLE_CONFIG": f"{tree}/ansible.cfg"}
            yield from _run(tree, [], environment, job | {"confined": False, "key": key.hex()})
            return
        places = {f"{FACTS}/{at}": path for at, path in enumerate(folders(request.inventory, request.facts))}
        job |= {"tree": TREE, "inventory": f"{TREE}/{inside.relative_to(tree)}" if inside else "", "facts": [*places]}
        folder = request.inventory if request.inventory.is_dir() else request.inventory.parent
        if not inside:
            # Its name says which part of a private tree belongs to it, and stands in paths.
            places[f"{INVENTORY}/{folder.name}"] = folder
            job["inventory"] = f"{INVENTORY}/{folder.name}/{request.inventory.relative_to(folder)}"
        _lend(tree, folder / RECORDED_STATE)
        places[TREE] = tree
        stand_ins = folder / RECORDED_ROOT
        files = (path for path in stand_ins.rglob("*") if path.is_file())
        places |= {f"/{path.relative_to(stand_ins)}": path for path in sorted(files)}
        if (ROOT / "vendor").exists() and (tree / "vendor").is_dir():
            places[f"{TREE}/vendor"] = ROOT / "vendor"
        job |= {"confined": True, "key": hmac.new(key, KEY_NAME, hashlib.sha256).hexdigest()}
        yield from _run(tree, confined(places, _environment(), TREE), {}, job)


def _environment() -> dict[str, str]:
    """Return all variables of a process that is confined."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": SCRATCH,
        "LOGNAME": "root",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(OURS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_CONFIG": f"{TREE}/ansible.cfg",
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "STRATA_TEMPLATES": f"{SCRATCH}/templates",
    }


def _lend(tree: Path, state: Path | None = None) -> None:
    """Give a tree the vendored roles of this checkout, and its state, or what an inventory has recorded for it.

    Raises:
        StrataError: it has a state of its own.

    """
    vendored, link = ROOT / "vendor", tree / "vendor"
    if os.path.lexists(tree / STATE.name):
        raise StrataError(f"the revision has a file {STATE.name}, where the state of a checkout is: remove it")
    if state is None:
        (tree / STATE.name).symlink_to(STATE)
        if vendored.exists() and not link.exists():
            link.symlink_to(vendored)
        return
    (tree / STATE.name).mkdir()
    if state.is_dir():
        shutil.copytree(state, tree / STATE.name, dirs_exist_ok=True)
    if vendored.exists():
        link.mkdir(exist_ok=True)


def _run(tree: Path, behind: list[str], environment: dict[str, str], job: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the hosts and texts of the catalogs that a process compiles, which may write anything."""
    command = [*behind, sys.executable, "-P", "-m", "strata.catalog.inside"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as answer, tempfile.TemporaryFile("w+") as errors:
        try:
            done = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                input=json.dumps(job),
                stdout=answer,
                stderr=errors,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StrataError(f"{job['name']}: it is not compiled after {LONGEST} s") from None
        errors.seek(0)
        if done.returncode:
            raise StrataError(_said(errors.read(100_000), tree, job))
        answer.seek(0)
        try:
            yield from _catalogs(answer)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StrataError(f"{job['name']}: what it compiles to are no catalogs") from None


def _catalogs(answer: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give hosts with the texts of their catalogs. Raises ValueError, or what else others make of a wrong text."""
    found = _texts(answer)
    hosts = set(json.loads(next(found, ""))["hosts"])
    for text in found:
        host = from_json(text).host
        hosts.remove(host)
        yield host, text
    if hosts:
        raise ValueError(f"some are missing: {hosts}")


def _texts(lines: Iterable[str]) -> Iterator[str]:
    read: list[str] = []
    for line in lines:
        read.append(line)
        if line == END:
            yield "".join(read)
            read = []
    yield from filter(None, ["".join(read)])


def _said(errors: str, tree: Path, job: dict[str, Any]) -> str:
    """Return the last line of what a process said when it failed."""
    said = (errors.strip().splitlines() or ["the process that compiles it ended without a word"])[-1]
    if said.startswith("bwrap: "):
        return refused(said.removeprefix("bwrap: "))
    for place in (tree, TREE):
        said = said.replace(f"{place}/", "")
    return clean(f"{job['name']}: {said}")
