"""`strata affected`."""

import json

import click

from strata.affected.catalogs import narrowed
from strata.affected.change import changed
from strata.affected.places import Places
from strata.affected.report import follow
from strata.affected.tree import Tree
from strata.paths import ROOT


@click.command()
@click.argument("range_", metavar="[A..B]", required=False)
@click.option("--why", is_flag=True, help="Show the shortest chain from a changed file to each thing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def command(range_: str | None, why: bool, json_wanted: bool) -> None:
    """Show what a change affects: roles, scenarios, unit tests, parts of the suite, and hosts.

    The change is what the commits of A..B bring; by default all that differs from where the branch left origin/main or
    main, files that are not committed too. Parts are what `strata test` takes; where there are none, nothing need run.
    Hosts of inventories with recorded facts are affected if their catalogs are others afterwards, or if the change is
    to what is in no catalog, such as modules.
    """
    with changed(ROOT, range_) as change:
        places = Places(Tree(change))
        found, compared = narrowed(places, follow(places, change.base, change.paths), change)
    if json_wanted:
        chains = {"why": {way[-1]: way for way in found.why()}} if why else {}
        click.echo(json.dumps(found.as_json() | chains))
        return
    for note in compared.notes:
        click.echo(f"note: {note}")
    for path in found.unplaced:
        click.echo(f"no rule says what {path} affects: everything runs")
    if why:
        for way in found.why():
            click.echo(" -> ".join(way))
        return
    hosts = [f"{inventory}/{name}" for inventory, names in found.hosts.items() for name in names]
    for label, names in (
        ("roles", found.roles),
        ("scenarios", found.scenarios),
        ("unit tests", found.unit_tests),
        ("parts", found.parts),
        ("hosts", hosts),
    ):
        click.echo(f"{label + ':':12}{' '.join(names) or 'none'}")
