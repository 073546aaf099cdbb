"""A repository in git, the bastion that follows it, and hosts that are files here."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from strata.deploy import begin
from strata.deploy.deploy import Job, Wanted, deploy
from strata.deploy.hosts import Applied
from strata.deploy.lock import held
from strata.deploy.runs import Run, Runs
from strata.deploy.settings import Settings
from strata.deploy.source import Source
from strata.deploy.state import Store
from strata.plan.result import Finding, HostPlan

from ..affected.conftest import PLAIN
from ..sample import Checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PLAY = """\
- name: {role}
  hosts: {role}
  pre_tasks:
    - name: Preflight
      preflight:
      tags: always
  roles:
    - project_{role}
"""
SERVICES = {"bastion": ["bastion1"], "review": ["review1"], "static": ["static1", "static2", "static3"]}
INVENTORY = json.dumps(
    {"all": {"children": {role: {"hosts": dict.fromkeys(hosts)} for role, hosts in SERVICES.items()}}}
)
ALL = [host for hosts in SERVICES.values() for host in hosts]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, env=PLAIN, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass
class FileHosts:
    """Hosts that have the text of their role's defaults, in a file each; which is what a run brings to them."""

    root: Path
    folder: Path
    bastion: Bastion

    def plan(self, hosts: Sequence[str]) -> list[HostPlan]:
        self.bastion.asked.append(tuple(hosts))
        return [self._plan(host) for host in hosts]

    def apply(self, host: str, log: Path) -> Applied:
        self.bastion.applied.append(host)
        self.bastion.during(host)
        if host in self.bastion.failing:
            return Applied(("half",), f"Configure it failed: {log}")
        (self.folder / host).write_text(self._wanted(host))
        return Applied(("project: Configure it",))

    def _plan(self, host: str) -> HostPlan:
        if host in self.bastion.unreachable:
            return HostPlan(host, wrong="unreachable: no route to host")
        path = self.folder / host
        right = path.exists() and path.read_text() == self._wanted(host) and host not in self.bastion.stubborn
        finding = Finding("change", "main.yml:1", "project", "Configure it", ("a line",))
        return HostPlan(host, () if right else (finding,))

    def _wanted(self, host: str) -> str:
        role = host.rstrip("0123456789")
        return (self.root / f"roles/project_{role}/defaults/main.yml").read_text()


@dataclass
class Bastion:
    """A bastion, and what became of its hosts."""

    folder: Path
    origin: Checkout
    unreachable: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    during: Callable[[str], object] = lambda _host: None
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "hosts").mkdir()
        url, stages = str(self.origin.root), ("bastion", "review")
        self.settings = Settings(url, "main", "inventories/sandbox", stages, 10, 1, 60, 30, "", self.kept, "")

    @property
    def kept(self) -> Path:
        return self.folder / "deploy"

    @property
    def store(self) -> Store:
        return Store(self.kept)

    @property
    def source(self) -> Source:
        return Source(self.kept, self.settings.url, self.settings.branch)

    def commit(self, **files: str) -> str:
        """Merge other defaults of project roles, and return the commit."""
        for role, text in files.items():
            self.origin.write(f"roles/project_{role}/defaults/main.yml", f"project_{role}_text: {text}\n")
        git(self.origin.root, "add", "--all")
        git(self.origin.root, "commit", "--quiet", "--allow-empty", "--message", "a change")
        return git(self.origin.root, "rev-parse", "HEAD")

    def deploy(self, **wanted: Any) -> bool:
        """Do what `strata deploy` does, but for starting the code of the revision."""
        for log in (self.asked, self.applied, self.said):
            log.clear()
        with held(self.kept):
            store, source = self.store, self.source
            commit, trouble = begin.resolve(source, store, rewritten=False, say=self.said.append)
            if begin.is_done(store, commit, self.settings.inventory) and not wanted:
                return True
            tree = source.tree(commit)
            job = Job(tree, commit, trouble, self.settings)
            hosts = FileHosts(tree, self.folder / "hosts", self)
            well = deploy(job, Wanted(**wanted), store, hosts, self.said.append)
            source.lead(commit)
            return well

    def has(self, host: str) -> str:
        path = self.folder / "hosts" / host
        return path.read_text().split()[-1] if path.exists() else ""

    def last(self) -> Run:
        return Runs(self.kept).all()[-1]

    def results(self) -> dict[str, str]:
        return {done.host: done.result for done in self.last().hosts}


@pytest.fixture
def bastion(tmp_path: Path) -> Bastion:
    """A bastion that has deployed nothing yet."""
    origin = Checkout(tmp_path / "origin")
    for role in SERVICES:
        origin.role(f"project_{role}", [], [f"project_{role}_sites"])
    origin.write("site.yml", "".join(PLAY.format(role=role) for role in SERVICES))
    origin.write("inventories/sandbox/hosts.yml", INVENTORY)
    git(origin.root, "init", "--quiet", "--initial-branch", "main")
    made = Bastion(tmp_path, origin)
    made.commit(bastion="one", review="one", static="one")
    return made


@pytest.fixture
def deployed(bastion: Bastion) -> Bastion:
    """A bastion that has deployed what there is."""
    assert bastion.deploy()
    return bastion
