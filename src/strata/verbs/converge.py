"""`strata converge`."""

import sys
from pathlib import Path

import click

from strata.converge import Options, converge
from strata.errors import UsageError
from strata.paths import ROOT
from strata.sandbox.declared import SOURCE, named_sandbox
from strata.tables import show
from strata.vendored.roles import VendoredRoles
from strata.vendored.sync import drift


@click.command()
@click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="By default the sandbox's.",
)
@click.option("--check", is_flag=True, help="Change nothing; say what would change.")
@click.option("--diff", is_flag=True, help="Show what changes in files.")
@click.option("--verbose", "-v", count=True, help="Print all that Ansible says; given again, more of it.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts.")
@click.option("--tags", metavar="ROLE", help="Only these roles; a role's tasks carry its name.")
def command(inventory: Path, check: bool, diff: bool, verbose: int, limit: str | None, tags: str | None) -> None:
    """Apply site.yml to the hosts, each kind of host in a process of its own.

    Prints what changed and what failed, task by task, and a table of the hosts in the end.
    """
    if inventory == SOURCE and not named_sandbox().known():
        raise UsageError("the sandbox is not up: run `bin/strata up`")
    sys.exit(0 if run(Options(inventory, limit, tags, check, diff, verbose)) else 1)


def run(options: Options) -> bool:
    """Converge, print what happened on each host, and return whether all went well.

    Where vendor/roles/ is not what modules.lock says, that is said first, as it may be meant: a link to a working
    copy, say.
    """
    for line in drift(VendoredRoles(ROOT / "modules.env"), click.echo, marks=True):
        click.echo(f"vendor/roles is not what is locked: {line}; `bin/strata modules sync` brings it", err=True)
    well, outcomes = converge(options)
    show(
        ("host", "play", "ok", "changed", "failed", "unreachable", "remote calls", "seconds"),
        (
            (
                each.host,
                each.play,
                each.ok,
                each.changed,
                each.failed,
                each.unreachable,
                each.calls,
                f"{each.seconds:.1f}",
            )
            for each in outcomes
        ),
    )
    return well
