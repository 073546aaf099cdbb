"""`strata facts`."""

import json
from pathlib import Path

import click

from strata.catalog.facts import find, folders, read, recorded, used
from strata.errors import StrataError, UsageError, nearest
from strata.paths import shown
from strata.repository import inventory as inventories
from strata.sandbox import recorded as sandbox
from strata.sandbox.declared import SOURCE

FOLDER = click.Path(path_type=Path, resolve_path=True)


@click.group()
def command() -> None:
    """Keep what hosts say of themselves, so that catalogs can be compiled elsewhere."""


@command.command()
@click.argument("hosts", nargs=-1)
@click.option("--inventory", "-i", type=FOLDER, default=SOURCE, help="By default the sandbox's.")
@click.option("--facts", type=FOLDER, help="A folder of facts; by default that of the last runs.")
def record(hosts: tuple[str, ...], inventory: Path, facts: Path | None) -> None:
    """Write the facts of HOSTS, by default of all that were seen, to recorded/facts beside their inventory.

    Only facts that a role, a plugin or the inventory names are written. Of the sandbox, what is another one each time
    that it boots, addresses and keys, has something in its place that stays.
    """
    known = [host.name for host in inventories.hosts(inventory)]
    unknown = next((host for host in hosts if host not in known), None)
    if unknown is not None:
        raise UsageError(f"{shown(inventory)}: there is no host {unknown!r}{nearest(unknown, known)}")
    target = recorded(inventory)
    places = [place for place in folders(inventory, facts) if place != target]
    for host in hosts or known:
        path = find(host, places)
        if path is None:
            click.echo(f"{host}: no run has seen it: its facts stay as they are")
            continue
        found = used(read(path), inventory)
        _write(target / f"{host}.json", sandbox.facts(host, found) if inventory == SOURCE else found)
    if inventory == SOURCE:
        for name, text in sandbox.files().items():
            _write(SOURCE / inventories.RECORDED / name, text)


def _write(path: Path, content: dict[str, object] | str) -> None:
    """Write a file, and say so if it is another one now. Raises StrataError."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StrataError(f"{shown(path)}: {error.strerror}") from None
    click.echo(f"{shown(path)}: written")
