"""The parts of the suite: lint, unit tests, a molecule scenario a role, and the sandbox as a whole."""

import os
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from strata import processes, warm
from strata.paths import BIN, REPORTS, ROOT, STATE
from strata.repository import inventory
from strata.sandbox.declared import SOURCE
from strata.suite import cases
from strata.suite.checks import checks
from strata.suite.pythons import unit_parts

#: What tests/sandbox boots.
SANDBOXES = ("test", "other", "test-hosts")


@dataclass(frozen=True)
class Part:
    """One part; `run` writes a report and a log under the part's name and returns the exit code.

    `sandboxes` are the names of those that it boots, `hosts` gives the names of their hosts.
    """

    name: str
    run: Callable[[Path, Path], int]
    sandboxes: tuple[str, ...] = ()
    hosts: Callable[[], Collection[str]] = tuple

    @property
    def report(self) -> Path:
        """Where the part's JUnit XML is."""
        return REPORTS / f"{self.name}.xml"

    @property
    def log(self) -> Path:
        """Where the part's output is."""
        return REPORTS / f"{self.name}.log"


def all_parts() -> list[Part]:
    """Return the parts in the order in which they are started: long ones first, so that none is left for the end."""
    roles = sorted((path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")), key=_size, reverse=True)
    unit, *oldest = unit_parts()
    return [
        Part("lint", _lint),
        Part("sandbox", _pytest(BIN, "tests/sandbox"), SANDBOXES, _declared_hosts),
        Part(unit, _pytest(BIN, "tests/unit")),
        *(Part(name, _unit_on_oldest_python) for name in oldest),
        *(Part(role, _molecule(role), (scenario_sandbox(role),), partial(scenario_hosts, role)) for role in roles),
    ]


def _size(role: str) -> int:
    """Return how much is tested in a role's scenario, by which its time is known roughly."""
    return sum(path.stat().st_size for path in (ROOT / "tests/testinfra" / role).glob("*.py"))


def _lint(report: Path, log: Path) -> int:
    outcomes, seconds = {}, {}
    for check in checks():
        start = time.monotonic()
        outcomes[check.name] = check.run([])
        seconds[check.name] = time.monotonic() - start
    cases.write(report, "lint", outcomes, seconds)
    log.write_text("\n".join(f"{name}:\n{wrong}" for name, wrong in outcomes.items() if wrong))
    return 1 if any(outcomes.values()) else 0


def _pytest(folder: Path, tests: str) -> Callable[[Path, Path], int]:
    """Return a run of pytest by the interpreter in `folder`."""

    def run(report: Path, log: Path) -> int:
        return _logged([folder / "python", "-m", "pytest", "-v", tests, f"--junitxml={report}"], log, {})

    return run


def _unit_on_oldest_python(report: Path, log: Path) -> int:
    # The first use of an interpreter makes its environment, but for --help.
    made = _logged([ROOT / "bin" / "strata", "roles", "list"], log, {"STRATA_PYTHON": "oldest"})
    return made or _pytest(STATE / "venv-oldest" / "bin", "tests/unit")(report, log)


def molecule(role: str, verb: str, log: Path) -> int:
    """Have molecule carry out a verb for a role's scenario; return its exit code."""
    with warm.environment(f"{BIN}:{os.environ['PATH']}") as found:
        environment = {**found, "MOLECULE_EPHEMERAL_DIRECTORY": str(ephemeral(role)), "NO_COLOR": "1"}
        return _logged([BIN / "molecule", verb, "--no-command-borders", "--scenario-name", role], log, environment)


def ephemeral(role: str) -> Path:
    """Return the folder in which molecule keeps what it knows of a role's hosts."""
    return STATE / "molecule" / role


def scenario_sandbox(role: str) -> str:
    """Return the name of the sandbox that a role's scenario boots."""
    return f"molecule-{role}"


def scenario_hosts(role: str, group: str = "", root: Path = ROOT) -> list[str]:
    """Return the names of the hosts of a role's scenario in a tree, or of those in a group."""
    platforms = YAML(typ="safe").load(root / "molecule" / role / "molecule.yml")["platforms"]
    return [platform["name"] for platform in platforms if not group or group in platform["groups"]]


def _declared_hosts() -> list[str]:
    return [host.name for host in inventory.hosts(SOURCE)]


def _molecule(role: str) -> Callable[[Path, Path], int]:
    # Molecule's configuration names the same report.
    return lambda report, log: molecule(role, "test", log)  # noqa: ARG005


def _logged(command: list[Path | str], log: Path, environment: dict[str, str]) -> int:
    with log.open("w") as stream:
        return processes.run(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=stream, stderr=subprocess.STDOUT
        ).returncode
