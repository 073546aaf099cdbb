"""`strata up`."""

import sys

import click

from strata.converge import Options, hosts_by_play
from strata.progress import step
from strata.sandbox.declared import SOURCE, declared_sandbox, status
from strata.sandbox.podman import require
from strata.sandbox.review import PROJECT, Review, servers
from strata.verbs.converge import run
from strata.verbs.status import show_hosts


@click.command()
@click.option("--limit", metavar="PATTERN", help="Only these hosts, beside those that are up.")
def command(limit: str | None) -> None:
    """Boot the hosts of inventories/sandbox and converge them with site.yml.

    Builds the images and Gerrit's WAR first where they are missing, and puts this repository into Gerrit, with people
    who may change it. Running it again is safe and changes nothing.

    \b
    STRATA_SUBNET, STRATA_SUBNET6  the ranges of the network, instead of free ones
    STRATA_SANDBOX                 the name of the sandbox: another one stands beside the first
    """  # noqa: D301 - click wants the character itself
    require()
    sandbox = declared_sandbox(limit)
    hosts_by_play(Options(SOURCE))
    names = {host.name for host in sandbox.hosts}
    reviews = [Review(sandbox, server) for server in servers() if server.host in names]
    for review in reviews:
        review.server.assemble()
        review.prepare()
    with step("sandbox"):
        sandbox.up()
    with step("converge"):
        well = run(Options(SOURCE, limit))
    serving = reviews if well else []
    for review in serving:
        with step("people and this repository in Gerrit"):
            review.populate()
    show_hosts(status(sandbox))
    for review in serving:
        people = ", ".join(account["name"] for account in review.server.accounts)
        click.echo(f"Gerrit on {review.server.host} knows {people}. To propose changes to a copy of this repository:")
        click.echo(f"  export GIT_SSH_COMMAND='ssh -F {review.ssh_config}'")
        click.echo(f"  git clone ssh://{review.server.accounts[0]['name']}/{PROJECT}")
    sys.exit(0 if well else 1)
