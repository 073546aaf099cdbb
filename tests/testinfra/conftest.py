"""Fixtures for the tests of roles on real hosts, over SSH. Molecule's verify step runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra
import yaml

from strata.paths import ROOT
from strata.sandbox.hosts import Sandbox
from strata.sandbox.podman import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

SANDBOX = Sandbox(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")

# What a task gave back, as `ansible-playbook -v` prints it.
RESULT = re.compile(r"^(?:ok|changed|fatal): \[.*\](?:: FAILED!)? => *\n((?: {4}.*\n|\n)+)", re.MULTILINE)


def inventory_group(group: str) -> list[str]:
    """Return the hosts of a group of the scenario."""
    inventory = yaml.safe_load(Path(os.environ["MOLECULE_INVENTORY_FILE"]).read_text())
    return sorted(inventory.get(group, {}).get("hosts", {}))


def connect(name: str) -> Host:
    sockets = json.loads((SANDBOX.folder / "hosts.json").read_text())["control_path"].replace("%%", "%25")
    return testinfra.get_host(f"ssh://{name}?ssh_config={SANDBOX.ssh_config}&ssh_extra_args=-oControlPath={sockets}")


@dataclass(frozen=True)
class Run:
    """What a run of a playbook did: exit code, count of changed tasks, remote calls, output, and its tasks' results."""

    rc: int
    changed: int
    calls: int
    output: str
    results: list[dict[str, Any]] = field(default_factory=list)
    fingerprint: dict[str, str] = field(default_factory=dict)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        metafunc.parametrize("target", inventory_group("targets"), scope="session")


@pytest.fixture(scope="session")
def host(target: str) -> Host:
    """The host that the role was applied to: each of the scenario's in turn."""
    return connect(target)


@pytest.fixture(scope="session")
def address(target: str) -> str:
    """The host's IPv4 address."""
    return SANDBOX.known()[target]["address"]


@pytest.fixture(scope="session")
def address6(target: str) -> str:
    """The host's IPv6 address."""
    return SANDBOX.known()[target]["address6"]


@pytest.fixture(scope="session")
def probe() -> Host:
    """Another machine, from which the host can be reached."""
    return connect(inventory_group("probes")[0])


@pytest.fixture
def reboot(target: str) -> Callable[[], None]:
    """Restart the host and wait until it answers again."""
    require()
    return lambda: SANDBOX.reboot(target)


def play(playbook: Path, target: str, record: Path, *flags: str, **variables: Any) -> Run:
    """Run a playbook on the host alone; `record` is the file that the run is recorded in."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    command = ["ansible-playbook", "-v", f"--inventory={inventory}", f"--limit={target}", *flags]
    command += [f"--extra-vars={json.dumps(variables)}", str(playbook)]
    environment = {key: value for key, value in os.environ.items() if key != "STRATA_RUN_RECORDS"}
    environment |= {"STRATA_RUN_RECORD": str(record), "ANSIBLE_NOCOLOR": "1"}
    environment.pop("ANSIBLE_FORCE_COLOR", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    plays = json.loads(record.read_text())["plays"] if record.exists() else []
    mine = [play["hosts"][target] for play in plays if target in play["hosts"]]
    return Run(
        rc=done.returncode,
        changed=sum(len(did["changed"]) for did in mine),
        calls=sum(did["calls"] for did in mine),
        output=done.stdout + done.stderr,
        results=[yaml.safe_load(textwrap.dedent(text)) for text in RESULT.findall(done.stdout)],
        fingerprint=next((did["fingerprint"] for did in mine if "fingerprint" in did), {}),
    )


@pytest.fixture
def converge(target: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Run the scenario's playbook on the host alone, with other values of variables.

    The results of the run are in the order of its tasks: the last one is that of the role under test.
    """
    playbook = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "converge.yml"

    def run(*flags: str, check: bool = False, **variables: Any) -> Run:
        record = tmp_path_factory.mktemp("run") / "record.json"
        flags = ("--skip-tags=fingerprint", *flags, *(["--check"] if check else []))
        return play(playbook, target, record, *flags, **variables)

    return run


@pytest.fixture
def fingerprint(target: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, str]]:
    """Take the host's fingerprint: all that a change of it would change, by kind and name."""

    def take() -> dict[str, str]:
        run = play(ROOT / "molecule/shared/fingerprint.yml", target, tmp_path_factory.mktemp("run") / "record.json")
        assert run.fingerprint, run.output
        return run.fingerprint

    return take
