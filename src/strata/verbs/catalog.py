"""`strata catalog`."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import yaml

from strata.catalog import elsewhere, revisions, store
from strata.catalog.compile import Compiler
from strata.catalog.difference import Group, groups
from strata.catalog.elsewhere import Request
from strata.catalog.resource import Catalog, Resource, Seal
from strata.errors import StrataError, UsageError, nearest
from strata.sandbox.declared import SOURCE
from strata.tables import show as show_table

FOLDER = click.Path(path_type=Path, resolve_path=True)
INVENTORY = click.option("--inventory", "-i", type=FOLDER, default=SOURCE, help="By default the sandbox's.")
FACTS = click.option("--facts", type=FOLDER, help="A folder of recorded facts; by default those of the last runs.")
TRUST = click.option(
    "--trust",
    is_flag=True,
    help="Let the plugins of the revision do as they please, and read secrets: it was reviewed.",
)
REVISION = click.option("--rev", "revision", metavar="REVISION", help="By default the files as they are.")

#: What is not worth a line.
NOTHING: tuple[Any, ...] = (None, "", False, (), {})


class Readable(yaml.SafeDumper):  # type: ignore[misc] # it has no types
    """YAML in which a text of several lines stands as it is."""

    def represent_str(self, text: str) -> yaml.Node:
        """Return the node of a text."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, Readable.represent_str)


@click.group()
def command() -> None:
    """Compile what site.yml would apply to hosts, without asking them."""


@command.command("compile")
@click.argument("hosts", nargs=-1)
@INVENTORY
@REVISION
@FACTS
@click.option("--out", type=FOLDER, default=store.FOLDER / "compiled", help="Where the catalogs are written.")
@TRUST
def compile_(
    hosts: tuple[str, ...],
    inventory: Path,
    revision: str | None,
    facts: Path | None,
    out: Path,
    trust: bool,
) -> None:
    """Write the catalogs of HOSTS, by default of all, one file a host.

    Secrets are hashed with the key in .strata/catalogs/key, or in the file that STRATA_CATALOG_KEY names. Plugins of
    another revision are run without network, without secrets, and with nothing writable. The exit code is 1 if a host
    cannot be compiled; its file says why.
    """
    if revision is None:
        key = store.key()
        catalogs = list(compiled(hosts, inventory, facts))
        store.write(((each.host, each.to_json(key)) for each in catalogs), out)
    else:
        store.write(elsewhere.compiled(revision, Request(inventory, hosts, facts, trusted=trust)), out)
        read = store.read(out)
        catalogs = [read[host] for host in hosts or read]
    show_table(("host", "resources", "maybe", "only by Ansible", "refused"), (_counts(catalog) for catalog in catalogs))
    sys.exit(1 if any(catalog.refused for catalog in catalogs) else 0)


@command.command()
@click.argument("host")
@click.argument("resource", required=False)
@INVENTORY
@REVISION
@FACTS
@click.option("--tree", is_flag=True, help="Show the resources below their roles and files.")
@TRUST
def show(
    host: str, resource: str | None, inventory: Path, revision: str | None, facts: Path | None, tree: bool, trust: bool
) -> None:
    """Show the catalog of HOST, or of it one RESOURCE: a number of the list, a module or a role."""
    if revision is None:
        catalog = next(compiled((host,), inventory, facts))
    else:
        catalog = elsewhere.catalogs(revision, Request(inventory, (host,), facts, trusted=trust))[host]
    if catalog.refused:
        raise StrataError(f"{host} is not plannable: {catalog.refused}")
    seal = Seal(catalog.secrets)
    numbered = list(enumerate(catalog.resources, 1))
    if resource is not None:
        for number, each in _chosen(numbered, resource):
            click.echo(f"{number}. {_title(each)}")
            told = {name: value for name, value in each.sealed(seal).items() if value not in NOTHING}
            click.echo(yaml.dump(told, Dumper=Readable, sort_keys=False, allow_unicode=True, width=100).rstrip())
    elif tree:
        _show_tree(numbered)
    else:
        show_table(
            ("", "module", "role", "name", "at", "state"),
            ((n, each.module, each.role, _title(each), each.place, _state(each)) for n, each in numbered),
        )


@command.command()
@click.argument("words", nargs=-1, metavar="[A..B] [HOST]...")
@INVENTORY
@FACTS
@click.option("--only", "roles", multiple=True, metavar="ROLE", help="Only what this role applies.")
@TRUST
def diff(words: tuple[str, ...], inventory: Path, facts: Path | None, roles: tuple[str, ...], trust: bool) -> None:
    """Show what a change makes of HOSTs, by default of all, without asking them.

    A and B are revisions; without them, HEAD is compared with the files as they are. Hosts with the same differences
    are shown together. The exit code is 0 without a difference, 2 with some, 1 if a host cannot be compiled.
    """
    span = next((word for word in words if ".." in word), "HEAD..")
    hosts = tuple(word for word in words if word != span)
    before, _, after = span.partition("..")
    request = Request(inventory, hosts, facts, trusted=trust)
    sides = [elsewhere.catalogs(revision, request) for revision in (before or "HEAD", after)]
    found = groups(*({host: _only(catalog, roles) for host, catalog in side.items()} for side in sides))
    for group in found:
        _show_group(group)
    differing = sum(len(group.hosts) for group in found if group.differences)
    refused = sum(len(group.hosts) for group in found if group.refused)
    click.echo(f"{differing} of {sum(len(group.hosts) for group in found)} hosts differ, {refused} cannot be compiled")
    sys.exit(1 if refused else 2 if differing else 0)


def compiled(hosts: tuple[str, ...], inventory: Path, facts: Path | None) -> Iterator[Catalog]:
    """Give the catalogs of hosts, of all if none are named."""
    compiler = Compiler(inventory, facts=facts, revision=revisions.current())
    yield from compiler.catalogs(hosts or compiler.hosts)


def _only(catalog: Catalog, roles: tuple[str, ...]) -> Catalog:
    resources = tuple(each for each in catalog.resources if not roles or each.role in roles)
    return replace(catalog, resources=resources)


def _show_group(group: Group) -> None:
    names = f"{len(group.hosts)} host{'s' if len(group.hosts) > 1 else ''}: {', '.join(group.hosts)}"
    if group.refused:
        click.echo(f"{names}\n  not plannable: {group.refused}")
    elif not group.differences:
        click.echo(f"{names}: no difference")
    else:
        click.echo(names)
        for each in group.differences:
            click.echo(f"  {each.sign} {each.title}")
            for line in each.lines:
                click.echo(f"      {line}")


def _counts(catalog: Catalog) -> tuple[Any, ...]:
    unknown = sum(bool(resource.unknown) for resource in catalog.resources)
    ours = sum(not resource.runnable for resource in catalog.resources)
    return catalog.host, len(catalog.resources), unknown, ours, catalog.refused or ""


def _chosen(numbered: list[tuple[int, Resource]], wanted: str) -> list[tuple[int, Resource]]:
    """Return the resources that are meant. Raises UsageError if there are none."""
    found = [
        (number, each)
        for number, each in numbered
        if wanted in {str(number), each.module, each.module.rpartition(".")[2], each.role, each.place}
    ]
    if not found:
        known = {name for _, each in numbered for name in (each.module.rpartition(".")[2], each.role)}
        raise UsageError(f"there is no resource {wanted!r}{nearest(wanted, known)}")
    return found


def _show_tree(numbered: list[tuple[int, Resource]]) -> None:
    above: tuple[str, str] = ("", "")
    for number, each in numbered:
        if each.role != above[0]:
            click.echo(each.role or "(play)")
        if (each.role, each.file) != above:
            click.echo(f"  {each.file}")
        above = (each.role, each.file)
        state = _state(each)
        click.echo(f"    {number}. line {each.line}: {_title(each)}: {each.module}{f' ({state})' if state else ''}")


def _title(resource: Resource) -> str:
    return resource.name + (f" ({resource.item})" if resource.item else "")


def _state(resource: Resource) -> str:
    if resource.unknown:
        return f"maybe: {resource.unknown[0]}"
    return resource.reason
