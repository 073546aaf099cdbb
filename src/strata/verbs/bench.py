"""`strata bench`."""

import click

from strata.bench import declared
from strata.bench.run import measure
from strata.processes import Interrupted, interruptible
from strata.progress import unfinished
from strata.sandbox.podman import require
from strata.tables import show

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
    """
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
