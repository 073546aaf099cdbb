"""`strata bench`."""

import sys
from collections.abc import Sequence

import click

from strata.bench import declared, gate_faults
from strata.bench.run import measure
from strata.processes import Interrupted, interruptible
from strata.progress import step, unfinished
from strata.sandbox.podman import require
from strata.tables import show

FAULTS = ("fault", "kind", "outcome", "by", "seconds")
COLUMNS = ("side", "runs", "median s", "min-max s", "ratio", "remote calls", "first run s", "control MB")


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--list", "list_wanted", is_flag=True, help="List the benchmarks, and run none.")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each side, instead of what the benchmark says.")
def command(names: tuple[str, ...], list_wanted: bool, runs: int | None) -> None:
    """Measure Strata beside other means that keep the same state, or only the benchmarks NAME.

    Each boots hosts of its own, brings all sides to the converged state, and measures runs with nothing to do, in turn.
    The ratio compares with the first side. How fast anything is, is not a test: only a run that fails is an error.
    SIGINT and SIGTERM end it within 10 seconds, and its hosts are removed.

    `gate-faults [NAME]...` is another kind: each fault of tests/gate_faults is committed in a tree of its own, and
    `strata gate` must catch it. One that is missed is an error.
    """
    if names[:1] == (gate_faults.NAME,):
        _gate_faults(names[1:], list_wanted)
        return
    chosen = [declared.load(name) for name in names or declared.names()]
    if list_wanted:
        show(
            ("name", "sides", "what"),
            ((each.name, ", ".join(s.name for s in each.sides), each.description) for each in chosen),
        )
        return
    require()
    with interruptible():
        for at, each in enumerate(chosen):
            try:
                results = measure(each, runs)
            except Interrupted:
                click.echo(unfinished([each.name], [other.name for other in chosen[at + 1 :]]))
                raise
            click.echo(f"{each.name}: {each.description}")
            show(COLUMNS, (result.row(results[0]) for result in results))
            if each.note:
                click.echo(each.note)


def _gate_faults(names: Sequence[str], list_wanted: bool) -> None:
    faults = [gate_faults.load(name) for name in names or gate_faults.names()]
    if list_wanted:
        show(("name", "kind", "what"), ((each.name, each.kind, each.what) for each in faults))
        return
    require()
    outcomes = []
    with interruptible():
        for at, fault in enumerate(faults):
            try:
                with step(f"{fault.name}: {fault.what}"):
                    outcomes.append(gate_faults.try_out(fault))
            except Interrupted:
                click.echo(unfinished([fault.name], [each.name for each in faults[at + 1 :]]))
                raise
    show(FAULTS, (outcome.row() for outcome in outcomes))
    click.echo(gate_faults.share(outcomes))
    sys.exit(0 if all(outcome.check for outcome in outcomes) else 1)
