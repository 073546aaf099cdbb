"""`strata test`."""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import click

from strata.errors import UsageError
from strata.paths import REPORTS, ROOT
from strata.sandbox.podman import require
from strata.suite import soak as soaking
from strata.suite.cases import Count, count
from strata.suite.parts import Part, all_parts
from strata.tables import show
from strata.vendored.local import before_others, working_copies
from strata.vendored.roles import VendoredRoles

#: Parts that run at the same time: three keep two cores busy, as each waits for its hosts a third of the time.
AT_ONCE = 3

#: Roles whose failure tests are repeated at the same time, each on all its hosts.
SOAKED_AT_ONCE = 2

#: How much of a failed part's log is shown.
LAST_LINES = 80


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--soak", is_flag=True, help="Repeat the failure tests of all roles, or of the roles NAME, instead.")
@click.option("--repeat", type=click.IntRange(min=1), default=20, show_default=True, help="How often, with --soak.")
@click.option("--each-system", is_flag=True, help="Try each case on all systems, also what says the same on each.")
@click.option("--with", "given", metavar="NAME=PATH", multiple=True, help="Try a working copy in place of a module.")
def command(names: tuple[str, ...], soak: bool, repeat: int, each_system: bool, given: tuple[str, ...]) -> None:
    """Run the tests, or the parts NAME: lint, unit, sandbox, or the name of a role.

    Reports (JUnit XML) and logs are left in .strata/reports. With CI set, a skipped test is a failure.
    """
    with ExitStack() as stack:
        if given:
            copies = working_copies(given, VendoredRoles(ROOT / "modules.env").entries)
            os.environ["ANSIBLE_ROLES_PATH"] = stack.enter_context(before_others(copies, ROOT))
        if each_system:
            os.environ["STRATA_EACH_SYSTEM"] = "1"
        sys.exit(_soak(_choose(names, soaking.roles()), repeat) if soak else _test(names))


def _test(names: Sequence[str]) -> int:
    """Run all parts, or those named, and return the exit code: 0 if all passed."""
    parts = all_parts()
    names = tuple(_choose(names, [part.name for part in parts]))
    chosen = [part for part in parts if part.name in names]
    if any(part.boots_hosts for part in chosen):
        require()
    REPORTS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        results = list(pool.map(_run, chosen))
    show(
        ("part", "passed", "failed", "skipped", "seconds"),
        (
            (part.name, found.passed, len(found.failures), found.skipped, f"{seconds:.0f}")
            for part, (found, seconds) in zip(chosen, results, strict=True)
        ),
    )
    total = sum((found for found, _ in results), Count())
    for failure in total.failures:
        click.echo(f"FAILED {failure}")
    click.echo(str(total))
    return 1 if total.failures else 0


def _choose(names: Sequence[str], known: list[str]) -> list[str]:
    """Return those of the known names that were asked for; all if none was."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no part {name!r}: choose from {', '.join(known)}")
    return [name for name in known if not names or name in names]


def _soak(roles: list[str], times: int) -> int:
    """Repeat the failure tests of roles, and return the exit code: 0 if each passed each time."""
    require()
    REPORTS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=SOAKED_AT_ONCE) as pool:
        results = list(pool.map(lambda role: soaking.soak(role, times), roles))
    show(
        ("role", "case", "host", "passed", "median seconds"),
        (
            (role, case.name, case.host, f"{case.passed} of {case.times}", f"{case.seconds:.0f}")
            for role, cases in zip(roles, results, strict=True)
            for case in cases
        ),
    )
    failed = [case for cases in results for case in cases if case.passed < case.times]
    total = [sum(getattr(case, what) for cases in results for case in cases) for what in ("passed", "times")]
    click.echo(
        f"{total[0]} of {total[1]} passed ({time.monotonic() - start:.0f} s); logs: {_shown(REPORTS)}/soak-*.log"
    )
    return 1 if failed else 0


def _run(part: Part) -> tuple[Count, float]:
    """Run a part and return what it counted, and the seconds that it took."""
    click.echo(f"{part.name} ...")
    part.report.unlink(missing_ok=True)
    start = time.monotonic()
    code = part.run(part.report, part.log)
    seconds = time.monotonic() - start
    found = count(part.report, strict="CI" in os.environ)
    if code and not found.failures:
        found.failures.append(f"{part.name}: ended with exit code {code}, see {_shown(part.log)}")
    if not code and not found.passed:
        found.failures.append(f"{part.name}: no test was run")
    click.echo(f"{part.name}: {found} ({seconds:.0f} s)")
    if found.failures:
        lines = part.log.read_text(errors="replace").splitlines()
        click.echo("\n".join([f"the end of {_shown(part.log)}:", *(f"  {line}" for line in lines[-LAST_LINES:])]))
    return found, seconds


def _shown(path: Path) -> str:
    return os.path.relpath(path)
