"""`strata test`."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from strata.errors import UsageError
from strata.paths import REPORTS
from strata.sandbox.podman import require
from strata.suite.cases import Count, count
from strata.suite.parts import Part, all_parts
from strata.tables import show

#: Parts that run at the same time: two keep two cores busy, as each waits for its hosts half of the time.
AT_ONCE = 2

#: How much of a failed part's log is shown.
LAST_LINES = 80


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def command(names: tuple[str, ...]) -> None:
    """Run the tests, or the parts NAME: lint, unit, sandbox, or the name of a role.

    Reports (JUnit XML) and logs are left in .strata/reports. With CI set, a skipped test is a failure.
    """
    parts = all_parts()
    known = [part.name for part in parts]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"there is no part {unknown[0]!r}: choose from {', '.join(known)}")
    chosen = [part for part in parts if not names or part.name in names]
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
    sys.exit(1 if total.failures else 0)


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
