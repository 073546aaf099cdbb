"""`strata runs`."""

import click

from strata.deploy import lock, settings
from strata.deploy.runs import CHANGED, SAME, WRONG, Run, Runs
from strata.errors import UsageError
from strata.tables import show as show_table

#: How many runs are shown.
LATEST = 20


@click.group(invoke_without_command=True)
@click.option(
    "-n", "count", type=click.IntRange(min=1), default=LATEST, show_default=True, help="How many of the latest."
)
@click.pass_context
def command(ctx: click.Context, count: int) -> None:
    """Show what runs of `strata deploy` did."""
    if ctx.invoked_subcommand:
        return
    show_table(
        ("run", "began (UTC)", "by", "revision", "seconds", "changed", "unchanged", "wrong", "state"),
        (
            (
                run.number,
                lock.brief(run.began),
                run.who,
                run.revision[:12],
                f"{run.seconds:.0f}" if run.ended else "",
                run.count(CHANGED),
                run.count(SAME),
                run.count(*WRONG),
                _state(run),
            )
            for run in Runs(settings.read().folder).all()[-count:]
        ),
    )


@command.command()
@click.argument("number", type=int)
def show(number: int) -> None:
    """Show what run NUMBER did on each host."""
    runs = Runs(settings.read().folder)
    known = {run.number: run for run in runs.all()}
    run = known.get(number)
    if run is None:
        raise UsageError(
            f"there is no run {number}" + (f": the last one is {max(known)}" if known else ": there is none")
        )
    click.echo(f"run {number} of {run.revision} by {run.who}: {run.began}, {_state(run)}")
    if run.trouble:
        click.echo(f"the branch could not be fetched: {run.trouble}")
    show_table(
        ("host", "stage", "service", "result", "seconds", "what"),
        (
            (done.host, done.stage, done.service, done.result, done.seconds, done.message or ", ".join(done.changed))
            for done in run.hosts
        ),
    )
    for log in [path for done in run.hosts if (path := runs.log(number, done.host)).exists()]:
        click.echo(f"what Ansible said: {log}")


def _state(run: Run) -> str:
    if not run.ended:
        return "not ended: it goes on, or was killed"
    return "failed" if run.count(*WRONG) else "well"
