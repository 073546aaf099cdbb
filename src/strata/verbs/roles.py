"""`strata roles`."""

import json
from pathlib import Path

import click

from strata.errors import UsageError
from strata.paths import ROOT
from strata.repository.usage import usages
from strata.sandbox.declared import SOURCE
from strata.tables import show as show_table

INVENTORY = click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="Whose hosts are meant; by default the sandbox's.",
)
JSON = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Show which roles there are, in which versions, and who uses them."""


@command.command("list")
@INVENTORY
@JSON
def list_(inventory: Path, json_wanted: bool) -> None:
    """List all roles, those of other repositories too."""
    found = usages(ROOT, inventory)
    if json_wanted:
        click.echo(json.dumps([usage.as_json() for usage in found]))
        return
    show_table(
        ("role", "name", "version", "source", "platforms", "depends on", "used by", "hosts"),
        (
            (
                usage.role.name,
                usage.role.full_name,
                usage.role.version,
                usage.role.folder,
                ", ".join(usage.role.platforms),
                " ".join(usage.role.dependency_names),
                " ".join(usage.roles),
                len(usage.hosts),
            )
            for usage in found
        ),
    )


@command.command()
@click.argument("name")
@INVENTORY
@JSON
def show(name: str, inventory: Path, json_wanted: bool) -> None:
    """Show what is known of the role NAME."""
    found = {usage.role.name: usage for usage in usages(ROOT, inventory)}
    if name not in found:
        raise UsageError(f"there is no role {name!r}: choose from {', '.join(found)}")
    known = found[name].as_json()
    if json_wanted:
        click.echo(json.dumps(known))
        return
    known["requires"] = [f"{role} {versions or ''}".strip() for role, versions in known["requires"].items()]
    for key, value in known.items():
        label = {"roles": "used by", "dependencies": "depends on"}.get(key, key)
        click.echo(f"{label + ':':13} {', '.join(value) if isinstance(value, list) else value}".rstrip())
