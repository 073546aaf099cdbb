"""`strata catalog`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import yaml

from strata.catalog import elsewhere, report, revisions, store
from strata.catalog.compile import Compiler
from strata.catalog.difference import Filter, groups, ignored
from strata.catalog.elsewhere import Request
from strata.catalog.resource import Catalog, Resource, Seal
from strata.errors import StrataError, UsageError, nearest
from strata.page import write as page
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

#: What a comment of Gerrit's may have, unless its server is configured otherwise.
LENGTH = 16_000

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
        made = store.write(elsewhere.compiled(revision, Request(inventory, hosts, facts, trusted=trust)), out)
        files = {host: path for host, path in store.files(out).items() if host in made}
        catalogs = [store.read(_known(files, host)) for host in hosts or files]
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
        with elsewhere.catalogs(revision, Request(inventory, (host,), facts, trusted=trust)) as found:
            catalog = store.read(_known(found, host))
    if catalog.refused:
        raise StrataError(f"{host} is not plannable: {report.clean(catalog.refused)}")
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
@click.option(
    "--ignore",
    "patterns",
    multiple=True,
    metavar="TYPE[title]::attribute",
    help="Not this attribute of resources, or not these resources at all; a star is any text.",
)
@click.option("--facts-before", multiple=True, metavar="KEY=VALUE", help="A fact of all hosts, on the side of A.")
@click.option("--facts-after", multiple=True, metavar="KEY=VALUE", help="Likewise, on the side of B.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a review.")
@click.option("--html", "target", type=FOLDER, metavar="FILE", help="Write a page of HTML, too.")
@click.option("--length", default=LENGTH, show_default=True, help="Cut Markdown to so many characters.")
@TRUST
def diff(
    words: tuple[str, ...],
    inventory: Path,
    facts: Path | None,
    roles: tuple[str, ...],
    patterns: tuple[str, ...],
    facts_before: tuple[str, ...],
    facts_after: tuple[str, ...],
    form: str | None,
    target: Path | None,
    length: int,
    trust: bool,
) -> None:
    """Show what a change makes of HOSTs, by default of all, without asking them.

    A and B are revisions; without them, HEAD is compared with the files as they are. Hosts with the same differences
    are shown together. The exit code is 0 without a difference, 2 with some, 1 if a host cannot be compiled.
    """
    span = next((word for word in words if ".." in word), "HEAD..")
    hosts = tuple(word for word in words if word != span)
    before, _, after = span.partition("..")
    before = before or "HEAD"
    counting = Filter(frozenset(roles), tuple(map(ignored, patterns)))
    request = Request(inventory, hosts, facts, trusted=trust)
    sides = [replace(request, given=_given(facts)) for facts in (facts_before, facts_after)]
    with elsewhere.catalogs(before, sides[0]) as old, elsewhere.catalogs(after, sides[1]) as new:
        for host in hosts:
            _known({**old, **new}, host)
        found = groups(old, new, counting)
    if target:
        page.write(report.page(found, f"{before}..{after}"), target)
    if form == "json":
        click.echo(json.dumps({"before": before, "after": after, "groups": report.data(found)}, indent=1))
    elif form == "markdown":
        click.echo(report.markdown(found, f"{before}..{after}", length))
    else:
        click.echo("\n".join([*report.lines(found), report.total(found)]))
    sys.exit(1 if any(group.refused for group in found) else 2 if any(group.differences for group in found) else 0)


def _known(files: dict[str, Path], host: str) -> Path:
    """Return the file of a host's catalog. Raises UsageError if there is no such host."""
    if host not in files:
        raise UsageError(f"there is no host {host!r}{nearest(host, files)}")
    return files[host]


def _given(facts: tuple[str, ...]) -> dict[str, str]:
    """Return facts that were given as KEY=VALUE. Raises UsageError."""
    wrong = next((fact for fact in facts if not re.fullmatch(r"\w+=.*", fact, re.DOTALL)), None)
    if wrong is not None:
        raise UsageError(f"{wrong}: facts are given as KEY=VALUE, such as distribution_release=trixie")
    return dict(fact.split("=", 1) for fact in facts)


def compiled(hosts: tuple[str, ...], inventory: Path, facts: Path | None) -> Iterator[Catalog]:
    """Give the catalogs of hosts, of all if none are named."""
    compiler = Compiler(inventory, facts=facts, revision=revisions.current())
    yield from compiler.catalogs(hosts or compiler.hosts)


def _counts(catalog: Catalog) -> tuple[Any, ...]:
    unknown = sum(bool(resource.unknown) for resource in catalog.resources)
    ours = sum(not resource.runnable for resource in catalog.resources)
    return catalog.host, len(catalog.resources), unknown, ours, report.clean(catalog.refused or "")


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
    return report.clean(resource.name + (f" ({resource.item})" if resource.item else ""))


def _state(resource: Resource) -> str:
    if resource.unknown:
        return report.clean(f"maybe: {resource.unknown[0]}")
    return report.clean(resource.reason)
