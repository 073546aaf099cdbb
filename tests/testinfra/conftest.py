"""Fixtures for the tests of roles on real hosts, over SSH. Molecule's verify step runs them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
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


def inventory_group(group: str) -> list[str]:
    """Return the hosts of a group of the scenario."""
    inventory = yaml.safe_load(Path(os.environ["MOLECULE_INVENTORY_FILE"]).read_text())
    return sorted(inventory.get(group, {}).get("hosts", {}))


def connect(name: str) -> Host:
    sockets = json.loads((SANDBOX.folder / "hosts.json").read_text())["control_path"].replace("%%", "%25")
    return testinfra.get_host(f"ssh://{name}?ssh_config={SANDBOX.ssh_config}&ssh_extra_args=-oControlPath={sockets}")


@dataclass(frozen=True)
class Run:
    """What a run of the scenario's playbook did: exit code, count of changed tasks, remote calls, and its output."""

    rc: int
    changed: int
    calls: int
    output: str


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


@pytest.fixture
def converge(target: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Run the scenario's playbook on the host alone, with other values of variables."""

    def run(*flags: str, check: bool = False, **variables: Any) -> Run:
        record = tmp_path_factory.mktemp("run") / "record.json"
        inventory = os.environ["MOLECULE_INVENTORY_FILE"]
        playbook = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "converge.yml"
        command = ["ansible-playbook", f"--inventory={inventory}", f"--limit={target}", "--skip-tags=fingerprint"]
        command += [
            *flags,
            *(["--check"] if check else []),
            f"--extra-vars={json.dumps(variables)}",
            str(playbook),
        ]
        environment = {key: value for key, value in os.environ.items() if key != "STRATA_RUN_RECORDS"}
        environment["STRATA_RUN_RECORD"] = str(record)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        plays = json.loads(record.read_text())["plays"] if record.exists() else []
        mine = [play["hosts"][target] for play in plays if target in play["hosts"]]
        return Run(
            rc=done.returncode,
            changed=sum(len(did["changed"]) for did in mine),
            calls=sum(did["calls"] for did in mine),
            output=done.stdout + done.stderr,
        )

    return run
