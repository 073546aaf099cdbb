"""`strata plan`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from strata.catalog import revisions
from strata.catalog.compile import Compiler
from strata.errors import StrataError, UsageError
from strata.page.write import write
from strata.paths import shown
from strata.plan.hosts import plan
from strata.plan.page import page
from strata.plan.text import lines
from strata.sandbox.declared import SOURCE, named_sandbox

COLORS = {"  ~": "yellow", "  !": "red", "  ?": "cyan"}


class Command(click.Command):
    """One whose exit code of 2 says that something would change, and so nothing else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.show()
            ctx.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except StrataError as error:
            error.exit_code = 1
            raise


@click.command(cls=Command)
@click.argument("hosts", nargs=-1)
@click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="By default the sandbox's.",
)
@click.option("--facts", type=click.Path(path_type=Path, resolve_path=True), help="A folder of recorded facts.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts, as Ansible reads it.")
@click.option("--tags", metavar="ROLE[,ROLE]", help="Only what carries one of these tags, such as a role's name.")
@click.option("--diff", is_flag=True, help="Show what would change in files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "target",
    type=click.Path(path_type=Path, resolve_path=True),
    metavar="FILE",
    help="Write a page of HTML, too.",
)
@click.option("-n", "at_once", type=click.IntRange(min=1), default=10, show_default=True, help="Hosts at once.")
def command(
    hosts: tuple[str, ...],
    inventory: Path,
    facts: Path | None,
    limit: str | None,
    tags: str | None,
    diff: bool,
    as_json: bool,
    target: Path | None,
    at_once: int,
) -> None:
    """Show what site.yml would change on HOSTS, by default on all, in one remote call each, and change nothing.

    The exit code is 0 if there is nothing to do, 2 if something would change, 1 if a host or a resource has no plan,
    or something else is wrong.
    """
    if inventory == SOURCE and not named_sandbox().known():
        raise UsageError("the sandbox is not up: run `bin/strata up`")
    if hosts and limit:
        raise UsageError("hosts are named as arguments or by --limit, not by both")
    compiler = Compiler(inventory, facts=facts, revision=revisions.current())
    named = list(dict.fromkeys(hosts)) or (compiler.matching(limit) if limit else compiler.hosts)
    plans = plan(compiler, named, at_once, frozenset(tags.split(",")) if tags else frozenset())
    if target:
        write(page(plans, f"Plan of {shown(inventory)}"), target)
    if as_json:
        click.echo(json.dumps({"hosts": [each.data() for each in plans]}, indent=1, ensure_ascii=False))
    else:
        for line in lines(plans, diff=diff):
            click.secho(line, fg=COLORS.get(line[:3]))
    changing = any(each.having("change") for each in plans)
    sys.exit(1 if any(each.failed for each in plans) else 2 if changing else 0)
