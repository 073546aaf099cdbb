"""Fixtures for the tests of roles on real hosts, over SSH. Molecule's verify step runs them."""

from __future__ import annotations

import os
import random
import time
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from plays import PLAYBOOK, SANDBOX, Play, Run, connect

from strata import warm
from strata.paths import ROOT
from strata.sandbox.podman import require
from strata.warm import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

# How often the cases marked `soak` are tried; 0 is the ordinary suite.
SOAK = int(os.environ.get("STRATA_SOAK", "0"))
EACH_SYSTEM = bool(SOAK or os.environ.get("STRATA_EACH_SYSTEM"))
SEED = os.environ.get("STRATA_SEED") or str(random.SystemRandom().randrange(10**6))

# Waits for a path, then some time, and kills the module that is at work, which Python reads from its standard input.
KILLER = """
import os, subprocess, sys, time
while not os.path.exists(sys.argv[1]):
    pass
time.sleep(float(sys.argv[2]))
sys.exit(subprocess.run(["pkill", "-KILL", "-xf", "/usr/bin/python3"]).returncode)
"""


def inventory_group(group: str) -> list[str]:
    """Return the hosts of a group of the scenario."""
    inventory = yaml.safe_load(Path(os.environ["MOLECULE_INVENTORY_FILE"]).read_text())
    return sorted(inventory.get(group, {}).get("hosts", {}))


def pytest_configure(config: pytest.Config) -> None:
    if client.VARIABLE not in os.environ:  # molecule was not started by the suite
        stack = ExitStack()
        config.add_cleanup(stack.close)
        os.environ.update(stack.enter_context(warm.environment(os.environ["PATH"])))
    config.addinivalue_line(
        "markers", "spread: the case says the same on every system; the ordinary suite tries it on one of them."
    )
    config.addinivalue_line(
        "markers",
        "soak(ordinary=1, times=None): a failure that `strata test --soak` repeats, `times` or as often as it is told "
        "to; the ordinary suite tries it `ordinary` times.",
    )


def pytest_report_header() -> str:
    return f"STRATA_SEED={SEED} makes these random moments again"


def repetitions(marker: pytest.Mark) -> int:
    """Return how often a case is tried in this run."""
    return marker.kwargs.get("times", SOAK) if SOAK else marker.kwargs.get("ordinary", 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        metafunc.parametrize("target", inventory_group("targets"), scope="session")
    marker = metafunc.definition.get_closest_marker("soak")
    if marker and (times := repetitions(marker)) > 1:
        metafunc.fixturenames.append("repetition")
        numbers = [(number, times) for number in range(1, times + 1)]
        metafunc.parametrize("repetition", numbers, ids=[f"{k}of{n}" for k, n in numbers], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only `strata test --soak` or `--each-system` tries."""
    items[:] = [item for item in items if is_tried(item)]


def is_tried(item: Any) -> bool:
    """Tell whether this run tries a case on the host that it is for."""
    soak = item.get_closest_marker("soak")
    if soak and not repetitions(soak):
        return False
    if EACH_SYSTEM or "target" not in item.fixturenames or not (soak or item.get_closest_marker("spread")):
        return True
    targets = inventory_group("targets")
    target = item.callspec.params["target"]
    return zlib.crc32(item.name.replace(target, "").encode()) % len(targets) == targets.index(target)


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Which repetition of its case this test is, and of how many."""
    return getattr(request, "param", (1, 1))


@pytest.fixture
def moment(request: pytest.FixtureRequest, repetition: tuple[int, int]) -> float:
    """A random part of a whole, from 0 to 1; all repetitions of a case are spread over it."""
    number, times = repetition
    return (number - random.Random(f"{SEED} {request.node.nodeid}").random()) / times


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


@pytest.fixture(scope="session")
def begin(target: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Play]:
    """Start the scenario's playbook on the host alone, with other values of variables."""

    def run(*flags: str, check: bool = False, fingerprints: bool = False, **variables: Any) -> Play:
        flags = (*flags, *(["--check"] if check else []), *([] if fingerprints else ["--skip-tags=fingerprint"]))
        return Play(PLAYBOOK, target, tmp_path_factory.mktemp("run") / "record.json", *flags, **variables)

    return run


@pytest.fixture(scope="session")
def converge(begin: Callable[..., Play]) -> Callable[..., Run]:
    """Run the scenario's playbook on the host alone, with other values of variables.

    The results of the run are in the order of its tasks: the last one is that of the role under test. Fingerprints are
    taken before and, if nothing fails, after the roles, if asked for.
    """
    return lambda *flags, **options: begin(*flags, **options).end()


@pytest.fixture
def rerun(converge: Callable[..., Run]) -> Iterator[Callable[..., Run]]:
    """Run the role without apt, with other values of its variables; afterwards with those of molecule.yml."""

    def run(*flags: str, **values: Any) -> Run:
        return converge("--skip-tags=apt", *flags, **values)

    yield run
    assert run().rc == 0


@pytest.fixture(scope="session")
def fingerprint(target: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, str]]:
    """Take the host's fingerprint: all that a change of it would change, by kind and name."""
    playbook = ROOT / "molecule/shared/fingerprint.yml"

    def take() -> dict[str, str]:
        run = Play(playbook, target, tmp_path_factory.mktemp("run") / "record.json").end()
        assert run.fingerprints, run.output
        return run.fingerprints[0]

    return take


@pytest.fixture(scope="session")
def idle(host: Host, target: str) -> Callable[[], None]:
    """Wait until nothing that a killed run started is at work on the host any more."""

    def wait() -> None:
        # A Python that got half a module ends only with the connection: it has more to say of it than SSH's buffers
        # hold, and nobody reads it.
        SANDBOX.end_connection(target)
        deadline = time.monotonic() + 60
        while host.run("pgrep -xf /usr/bin/python3").rc == 0:
            assert time.monotonic() < deadline, "a module of a killed run is still at work"

    return wait


@pytest.fixture
def module_killer(host: Host) -> Iterator[Callable[[str, float], None]]:
    """Have the next module killed on the host, some seconds after a path has appeared there."""
    start = "systemctl stop strata-killer; systemd-run --collect --unit=strata-killer python3 -c %s %s %s"
    yield lambda path, seconds: host.check_output(start, KILLER, path, str(seconds))
    host.run("systemctl stop strata-killer")


@pytest.fixture
def kill_module(module_killer: Callable[[str, float], None]) -> Callable[[Callable[[], Play], str, float], None]:
    """Start runs until the module of one has been killed, some seconds after a path has appeared on the host.

    A module that was faster than that is no failure: then the next run is given half the time.
    """

    def start_until_killed(start: Callable[[], Play], path: str, seconds: float) -> None:
        for attempt in range(10):
            module_killer(path, seconds / 2**attempt)
            run = start().end()
            if run.rc != 0:
                assert run.rc == 2, run.output
                return
        pytest.fail("the module was always faster")

    return start_until_killed
