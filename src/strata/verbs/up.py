"""`strata up`."""

import sys

import click

from strata.converge import Options
from strata.progress import step
from strata.sandbox.podman import require
from strata.sandbox.site import SOURCE, site_sandbox, status
from strata.tables import show_hosts
from strata.verbs.converge import run


@click.command()
def command() -> None:
    """Boot the hosts of inventories/sandbox and converge them with site.yml.

    Builds the images first where they are missing. Running it again is safe and changes nothing.

    \b
    STRATA_SUBNET, STRATA_SUBNET6  the ranges of the network, instead of free ones
    STRATA_SANDBOX                 the name of the sandbox: another one stands beside the first
    """  # noqa: D301 - click wants the character itself
    require()
    sandbox = site_sandbox()
    with step("sandbox"):
        sandbox.up()
    with step("converge"):
        well = run(Options(SOURCE))
    show_hosts(status(sandbox))
    sys.exit(0 if well else 1)
