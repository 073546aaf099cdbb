"""What each role would hand to its modules and contributes to others, evaluated without a host."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from strata.paths import BIN, ROOT
from strata.repository.roles import Role, load_roles
from strata.repository.source import plain

ROLES = load_roles(ROOT)
RELEASES = {"trixie": "13", "bookworm": "12"}
FACTS = {
    "ansible_facts": {
        "distribution": "Debian",
        "distribution_release": "{{ release }}",
        "distribution_major_version": "{{ major_version }}",
    }
}
CASES: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load(Path(__file__).parent / "cases.yml")
#: Groups and hosts that examples speak of.
GROUPS = {
    name: {"hosts": {f"{name}01.example.org": {"ansible_host": address, "ansible_connection": "local"}}}
    for name, address in {"databases": "192.0.2.15", "web": "2001:db8::80"}.items()
} | {"named": {"hosts": {"mail01.example.org": {}, "logs01.example.org": {}}}}


@dataclass(frozen=True)
class Call:
    """A module with its arguments, and the role whose task calls it."""

    role: str
    module: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class State:
    """What the roles of a host declare: calls of modules, and contributions by their variables."""

    problem: str
    calls: list[Call] = field(default_factory=list)
    contributed: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """A host that has one role, with those that it depends on."""

    role: str
    case: int
    release: str

    def __str__(self) -> str:
        """Return its name in the inventory."""
        return f"{self.role}-{self.case}-{self.release}"

    @property
    def given(self) -> dict[str, Any]:
        """What the inventory says of it: the role's example, and the values of the case."""
        example: dict[str, Any] = plain(ROLES[self.role].example)
        values = CASES[self.role][self.case - 1].get("values", {}) if self.case else {}
        return example | values | {"release": self.release, "major_version": RELEASES[self.release]}


def _differs(role: Role, release: str) -> bool:
    return release == "trixie" or role.layer != "project"


#: The example of each role, and its cases; what differs between systems is the work of service and ci roles.
HOSTS = [
    *(Host(name, 0, each) for name, role in ROLES.items() for each in RELEASES if _differs(role, each)),
    *(
        Host(role, number, case.get("release", "trixie"))
        for role, cases in CASES.items()
        for number, case in enumerate(cases, 1)
    ),
]


@pytest.fixture(scope="session")
def states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, State]:
    """Evaluate the hosts that are asked for, those of each release by a run of its own, which takes sets otherwise."""
    items = [item for item in request.session.items if "states" in getattr(item, "fixturenames", ())]
    hosts = {item.callspec.params["host"] if hasattr(item, "callspec") else None for item in items}
    chosen = [host for host in HOSTS if host in hosts or None in hosts]
    runs = [
        Evaluation(tmp_path_factory.mktemp(release), [host for host in chosen if host.release == release], seed)
        for seed, release in enumerate(RELEASES, 1)
    ]
    return {name: state for run in runs for name, state in run.end().items()}


class Evaluation:
    """A run of ansible-playbook that evaluates some hosts, in plays that have one role each."""

    def __init__(self, folder: Path, hosts: list[Host], seed: int) -> None:
        """Start it; `seed` decides about the order of sets."""
        self._folder = folder
        self._hosts = [str(host) for host in hosts]
        plays = [
            {
                "hosts": f"{role}-*",
                "gather_facts": False,
                "pre_tasks": [{"recorded": None, "tags": "recorded"}],
                "roles": [role],
            }
            for role in dict.fromkeys(host.role for host in hosts)
        ]
        inventory = {"all": {"hosts": {str(host): host.given for host in hosts}, "children": GROUPS}}
        (folder / "hosts.json").write_text(json.dumps(inventory))
        (folder / "site.yml").write_text(json.dumps(plays))
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ACTION_PLUGINS": f"{Path(__file__).parent}/actions:{ROOT}/action_plugins",
            "PYTHONHASHSEED": str(seed),
            "STRATA_RECORDED": str(folder),
        }
        command = [BIN / "ansible-playbook", "-i", folder / "hosts.json", folder / "site.yml", "--tags=recorded"]
        self._process = subprocess.Popen(
            [*command, f"--extra-vars={json.dumps(FACTS)}"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self) -> dict[str, State]:
        """Return what the roles of each host declare, by the host's name."""
        output, _ = self._process.communicate()
        return {name: self._state(name, output) for name in self._hosts}

    def _state(self, host: str, output: str) -> State:
        path = self._folder / host
        if not path.exists():
            return State(output[-2000:])
        record = json.loads(path.read_text())
        return State(record["problem"], [Call(**call) for call in record["calls"]], record["contributed"])
