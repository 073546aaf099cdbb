"""Failure tests again and again: those marked `soak` of each role, on all hosts of its scenario at once."""

import os
import re
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from junitparser import JUnitXml

from strata import processes
from strata.paths import BIN, REPORTS, ROOT
from strata.suite.beside import work_beside
from strata.suite.parts import ephemeral, molecule, scenario_hosts, scenario_sandbox

#: Roles whose tests are repeated at the same time, each on all its hosts.
AT_ONCE = 2

_REPETITION = re.compile(r"(\d+)of(\d+)")


@dataclass(frozen=True)
class Case:
    """What became of a case on a host: how often it was to be tried, how often it passed, and its median duration."""

    name: str
    host: str
    times: int
    passed: int
    seconds: float


def roles() -> list[str]:
    """Return the names of the roles that have such tests."""
    folders = sorted((ROOT / "tests/testinfra").iterdir())
    return [
        folder.name for folder in folders if any("mark.soak" in path.read_text() for path in folder.glob("test_*.py"))
    ]


def soak_all(names: list[str], times: int) -> list[list[Case]]:
    """Try each case of some roles `times` times on each of their hosts, and return the cases of each role.

    Raises Interrupted when a signal has come; the hosts of roles that had begun are removed.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    works = {role: partial(soak, role, times) for role in names}
    return work_beside(works, AT_ONCE, click.echo, lambda role: [scenario_sandbox(role)])


def soak(role: str, times: int) -> list[Case]:
    """Try each case of a role `times` times on each of its hosts; say on the way what became of it."""
    for verb in ("destroy", "converge"):
        click.echo(f"{role}: {verb} ...")
        log = REPORTS / f"soak-{role}-{verb}.log"
        if code := molecule(role, verb, log):
            click.echo(f"{role}: {verb} ended with exit code {code}, see {os.path.relpath(log)}")
            return [Case(verb, "all", 1, 0, 0)]
    hosts = scenario_hosts(role, "targets")
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        found = list(pool.map(lambda host: _try(role, host, times), hosts))
    molecule(role, "destroy", REPORTS / f"soak-{role}-destroy.log")
    return [case for cases in found for case in cases]


def tally(report: Path, host: str) -> list[Case]:
    """Count the cases of a report: a repetition that is not in it did not pass.

    Args:
        report: JUnit XML; without it nothing was run, which is a failure.
        host: the host that it is about.

    """
    tried: dict[str, list[tuple[int, bool, float]]] = {}
    for suite in JUnitXml.fromfile(str(report)) if report.exists() else []:
        for case in suite:
            words = re.findall(r"[^\[\]-]+", case.name)
            times = next((int(match[2]) for word in words if (match := _REPETITION.fullmatch(word))), 1)
            name = " ".join(word for word in words if word != host and not _REPETITION.fullmatch(word))
            tried.setdefault(name, []).append((times, not case.result, case.time))
    counted = [
        Case(
            name,
            host,
            times=max(times for times, _, _ in repetitions),
            passed=sum(passed for _, passed, _ in repetitions),
            seconds=statistics.median(seconds for _, _, seconds in repetitions),
        )
        for name, repetitions in tried.items()
    ]
    return counted or [Case("no test was run", host, 1, 0, 0)]


def _try(role: str, host: str, times: int) -> list[Case]:
    """Run the tests of one host, as molecule's verify step does for all of them, one after another."""
    report = REPORTS / f"soak-{role}-{host}.xml"
    report.unlink(missing_ok=True)
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_LIBRARY": f"{ROOT / 'library'}:{ROOT / 'molecule/shared/library'}",
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "MOLECULE_SCENARIO_NAME": role,
        "MOLECULE_SCENARIO_DIRECTORY": str(ROOT / "molecule" / role),
        "MOLECULE_INVENTORY_FILE": str(ephemeral(role) / "inventory" / "ansible_inventory.yml"),
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(ephemeral(role) / "facts"),
        "STRATA_SOAK": str(times),
    }
    tests = ["-m", "soak", "-k", host, f"tests/testinfra/{role}", f"--junitxml={report}"]
    with (
        (REPORTS / f"soak-{role}-{host}.log").open("w") as log,
        processes.started(
            [BIN / "python", "-m", "pytest", "-v", *tests],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            if done := re.search(r"::(.* (?:PASSED|FAILED|ERROR).*)", line):
                click.echo(f"{role}: {done[1].rstrip()}")
    return tally(report, host)
