"""`strata secrets`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from strata.sandbox.declared import SOURCE
from strata.tables import show
from strata.variables.secrets import MISSING, secrets
from strata.variables.site import Site


@click.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="By default the sandbox's.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
def command(hosts: tuple[str, ...], inventory: Path, json_wanted: bool) -> None:
    """List the secrets that the roles of all hosts, or of HOST, declare: set or not, and where, never the value.

    No key is needed. The exit code is 1 if one is missing.
    """
    site = Site(inventory)
    found = [secret for host in hosts or site.hosts for secret in secrets(site.node(host))]
    if json_wanted:
        click.echo(json.dumps({"secrets": [asdict(secret) for secret in found]}, indent=1))
    else:
        show(
            ("host", "role", "secret", "state", "set in"),
            ((each.host, each.role, each.name, each.state, each.place or each.reason) for each in found),
        )
    sys.exit(1 if any(each.state == MISSING for each in found) else 0)
