"""`strata status`."""

import json
from collections.abc import Iterable

import click

from strata.sandbox.declared import HostStatus, as_json, named_sandbox, status
from strata.sandbox.podman import require
from strata.tables import show


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
def command(json_wanted: bool) -> None:
    """Show the hosts of the sandbox: groups, system, addresses, state and URLs."""
    require()
    hosts = status(named_sandbox())
    if json_wanted:
        click.echo(json.dumps(as_json(hosts)))
        return
    show_hosts(hosts)


def show_hosts(hosts: Iterable[HostStatus]) -> None:
    """Print the hosts of the sandbox."""
    show(
        ("host", "groups", "os", "address", "address6", "state", "urls"),
        (
            (host.name, ",".join(host.groups), host.os, host.address, host.address6, host.state, " ".join(host.urls))
            for host in hosts
        ),
    )
