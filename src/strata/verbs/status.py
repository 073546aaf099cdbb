"""`strata status`."""

import json

import click

from strata.sandbox.podman import require
from strata.sandbox.site import as_json, site_sandbox, status
from strata.tables import show_hosts


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
def command(json_wanted: bool) -> None:
    """Show the hosts of the sandbox: groups, system, addresses, state and URLs."""
    require()
    hosts = status(site_sandbox())
    if json_wanted:
        click.echo(json.dumps(as_json(hosts)))
        return
    show_hosts(hosts)
