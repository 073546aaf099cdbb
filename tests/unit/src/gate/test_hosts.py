"""Hosts on their way from the base to a change: which tree converges them when, and what is wrong with it."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strata.affected.change import changed
from strata.gate import steps, upgrade
from strata.gate import trees as making
from strata.gate.plan import Check, What
from strata.gate.trees import Tree, Trees

if TYPE_CHECKING:
    from strata.suite.cases import Case

    from ..affected.conftest import Repository

SCENARIO = "molecule/httpd/molecule.yml"
NEW_HOST = "{static: {hosts: {static1: , static2: , static3: }}, logs: {hosts: {logs1: }}}\n"


def fingerprint(*paths: str) -> str:
    things = {f"path {path}": "" for path in paths}
    return base64.b64encode(zlib.compress(json.dumps(things).encode())).decode()


def record(changed_tasks: list[str], *paths: str, check: bool = False) -> str:
    host = {"changed": changed_tasks, "fingerprint": fingerprint(*paths)}
    return json.dumps({"playbook": "converge.yml", "check": check, "plays": [{"hosts": {"a": host}}]})


@dataclass
class Session:
    """Runs nothing, but notes what would be run, and leaves the records that runs would leave."""

    head: Path
    log: Path
    state: Path
    records: list[str]
    fails: str = ""
    ran: list[str] = field(default_factory=list)

    def run(self, tree: Tree, *command: Path | str, **settings: str) -> int:
        words = [str(word) for word in command]
        where = "head" if tree.root == self.head else "base"
        verb = next(word for word in words if word in {"up", "create", "converge", "site.yml"})
        limit = next((word.removeprefix("--limit=") for word in words if word.startswith("--limit=")), "")
        self.ran.append(f"{where} {verb} {limit}".strip())
        if self.ran[-1] == self.fails:
            return 2
        if verb == "site.yml":
            Path(settings["STRATA_RUN_RECORD"]).write_text(self.records.pop(0))
        if verb == "converge":
            (self.state / "runs").mkdir(parents=True, exist_ok=True)
            (self.state / "runs" / f"{len(self.ran)}.json").write_text(self.records.pop(0))
        return 0


class Hosts:
    """A change in the small repository, and its hosts."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.repository, self.folder, self.ran = repository, folder, list[str]()

    def carry_out(self, check: Check, records: list[str], fails: str = "") -> list[Case]:
        session = Session(self.repository.root, self.folder / "log", self.folder / "state", records, fails)
        with changed(self.repository.root, None) as change:
            trees = Trees(self.folder, Tree(self.repository.root), change)
            cases = steps.carry_out(check, trees, session)  # type: ignore[arg-type]
        self.ran = session.ran
        return cases


@pytest.fixture
def hosts(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    monkeypatch.setattr(making, "ROOT", repository.root)
    monkeypatch.setattr(making, "STATE", repository.root / ".strata")
    monkeypatch.setattr(steps.Sandbox, "down", lambda _: [])
    for module in (steps, upgrade):
        monkeypatch.setattr(module, "ephemeral", lambda _: tmp_path / "state")
    repository.write(SCENARIO, "platforms: [{name: a, groups: []}, {name: old, groups: []}]\n")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return Hosts(repository, tmp_path)


def wrong(cases: list[Case]) -> list[str]:
    return [case.name.partition(": ")[2] for case in cases if case.outcome == "failed"]


SANDBOX = Check(What.SANDBOX, "sandbox", (), paths=("static1", "static3"))


def test_hosts_of_the_sandbox_are_converged_at_the_base_first(repository: Repository, hosts: Hosts) -> None:
    repository.write("inventories/sandbox/hosts.yml", NEW_HOST)
    cases = hosts.carry_out(SANDBOX, [record([])])
    assert hosts.ran == ["base up static1", "head up static1,static3", "head site.yml static1,static3"]
    assert (wrong(cases), len(cases)) == ([], 3)


def test_a_second_run_that_changes_something_is_named(hosts: Hosts) -> None:
    assert wrong(hosts.carry_out(SANDBOX, [record(["Configure it"])])) == [
        "a second run changes nothing: a: Configure it"
    ]


def test_hosts_that_do_not_converge_are_not_looked_at_further(hosts: Hosts) -> None:
    cases = hosts.carry_out(SANDBOX, [], fails="head up static1,static3")
    assert wrong(cases) == ["they converge with the change: exit code 2"]
    assert hosts.ran[-1] == "head up static1,static3"


UPGRADE = Check(What.UPGRADE, "httpd, upgrade", (), "httpd")


def up(hosts: Hosts, last: str, fresh: str | None) -> list[str]:
    """Go the way up, where the last run leaves a record, as the scenario's own run on a new host did."""
    if fresh is not None:
        (hosts.folder / "runs/httpd").mkdir(parents=True)
        (hosts.folder / "runs/httpd/0.json").write_text(record([], "/wrong", check=True))
        (hosts.folder / "runs/httpd/1.json").write_text(fresh)
    return wrong(hosts.carry_out(UPGRADE, [record(["x"]), record(["x"]), last]))


def test_the_way_up(repository: Repository, hosts: Hosts) -> None:
    repository.write(SCENARIO, "platforms: [{name: a, groups: []}, {name: new, groups: []}]\n")
    assert up(hosts, record([], "/etc/a"), record(["x"], "/etc/a", "/etc/b")) == []
    assert hosts.ran == ["head create", "base converge a", "head converge a", "head converge a"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("", "a: path /etc/old; remove it, or name it in left_behind of the role's meta/strata.yml"),
        ("left_behind: [/etc/old]\n", ""),
    ],
)
def test_what_is_left_behind_must_be_named(repository: Repository, hosts: Hosts, named: str, expected: str) -> None:
    path = "roles/httpd/meta/strata.yml"
    repository.write(path, (repository.root / path).read_text() + named)
    found = up(hosts, record([], "/etc/a", "/etc/old"), record(["x"], "/etc/a"))
    assert found == ([f"nothing is left behind: {expected}"] if expected else [])


def test_a_second_run_on_the_way_up_changes_nothing(hosts: Hosts) -> None:
    assert up(hosts, record(["x"]), record(["x"])) == ["a second run changes nothing: a: x"]


def test_without_a_host_to_compare_with_nothing_is_proved(hosts: Hosts) -> None:
    (found,) = up(hosts, record([]), None)
    assert found.startswith("nothing is left behind: no host is known")
