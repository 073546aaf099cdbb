"""`strata export`."""

from pathlib import Path

import click

from strata.errors import UsageError
from strata.export import collection as collections
from strata.export import folders
from strata.paths import ROOT


@click.command()
@click.argument("roles", metavar="[ROLE]...", nargs=-1)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--collection", metavar="NAMESPACE.NAME", help="Build a collection instead, DIR/NAMESPACE-NAME-VERSION.tar.gz."
)
def command(roles: tuple[str, ...], folder: Path, collection: str | None) -> None:
    """Write each ROLE, and the roles that it depends on, into DIR, for use in other repositories.

    Each has the modules and plugins inside that it and its dependencies need, so that no more is needed than DIR in
    Ansible's `roles_path`. A collection without ROLE has all service and ci roles.
    """
    if collection:
        click.echo(f"wrote {collections.build(ROOT, collection, roles, folder)}")
        return
    if not roles:
        raise UsageError("name a role: `strata export ROLE DIR`")
    for path in folders.export(ROOT, roles, folder):
        click.echo(f"wrote {path}")
