"""`strata gate`."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from strata.affected.catalogs import Compared, narrowed
from strata.affected.change import changed
from strata.affected.places import Places
from strata.affected.report import follow
from strata.affected.tree import Tree
from strata.catalog.report import lines, total
from strata.gate.plan import plan
from strata.gate.report import Report, summary
from strata.gate.run import Gate, Result, Verdict
from strata.gate.trees import former_paths, locked, trees
from strata.paths import REPORTS, ROOT
from strata.processes import interruptible
from strata.sandbox.podman import require
from strata.suite.checks import checks
from strata.tables import show

FOLDER = REPORTS / "gate"

#: So many lines of what a change makes of an inventory's hosts are printed.
MOST_LINES = 40


@click.command()
@click.argument("range_", metavar="[A..B]", required=False)
@click.option("--first", is_flag=True, help="End when the first check fails.")
@click.option("--dependents", is_flag=True, help="Run the scenarios of roles that only depend on what changed, too.")
@click.option("--plan", "plan_only", is_flag=True, help="Only show which checks the change needs, and why.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    default=1,
    help="Multiply all time limits by this number.",
)
def command(range_: str | None, first: bool, dependents: bool, plan_only: bool, patience: float) -> None:
    """Check what a change needs: lint of what changed, the tests of what is affected, and the way up from its base.

    The change is that of `strata affected`. What it makes of hosts whose facts are recorded is shown first. If B is not
    what is checked out, it is checked in a tree of its own. Hosts are converged at the base first, then with the
    change. What fails is tried once more: if it passes then, it is flaky, which is a failure too. SIGINT and SIGTERM
    end it within 10 seconds. Reports are left in .strata/reports/gate: report.html, report.json, junit.xml, and a log
    of each check.
    """
    start = time.monotonic()
    with interruptible(), tempfile.TemporaryDirectory(prefix="strata-gate-") as folder, changed(ROOT, range_) as change:
        places = Places(Tree(change))
        affected, compared = narrowed(places, follow(places, change.base, change.paths), change)
        former = former_paths(change.base)
        planned = plan(affected, list(checks()), change.present, former, dependents=dependents)
        click.echo(summary(change))
        notes = [*planned.notes, *compared.notes]
        for note in notes:
            click.echo(f"note: {note}")
        _show_catalogs(compared)
        if plan_only:
            show(("check", "why"), ((check.name, " -> ".join(check.why)) for check in planned.checks))
            return
        if any(check.sandboxes for check in planned.checks):
            require()
        with locked(), trees(Path(folder), change) as found:
            shutil.rmtree(FOLDER, ignore_errors=True)
            FOLDER.mkdir(parents=True)
            results = Gate(found, FOLDER, click.echo, first, patience).run(planned.checks)
        report = Report(
            range_ or "since the branch left main",
            change.base,
            change.tip,
            time.monotonic() - start,
            results,
            notes,
            compared.groups,
        )
        report.write(FOLDER)
    _show(report, results)
    sys.exit(0 if report.verdict == Verdict.PASSED else 1)


def _show_catalogs(compared: Compared) -> None:
    """Print what the change makes of hosts, as far as it fits on a screen."""
    for inventory, found in compared.groups.items():
        click.echo(f"inventories/{inventory}: {total(found)}")
        told = [line for group in found if group.differences or group.refused for line in lines([group])]
        for line in told[:MOST_LINES]:
            click.echo(f"  {line}")
        if len(told) > MOST_LINES:
            click.echo(f"  ... {len(told) - MOST_LINES} more lines: they are in the report")


def _show(report: Report, results: list[Result]) -> None:
    show(
        ("check", "why", "verdict", "passed", "failed", "skipped", "seconds"),
        (
            (
                each.check.name,
                " -> ".join(each.check.why),
                each.verdict,
                each.count.passed,
                len(each.count.failures),
                each.count.skipped,
                f"{each.seconds:.0f}",
            )
            for each in results
        ),
    )
    click.echo(f"{report.verdict} in {report.seconds:.0f} s: {os.path.relpath(FOLDER / 'report.html')}")
