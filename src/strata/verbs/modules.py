"""`strata modules`."""

import sys
import time
from pathlib import Path

import click

from strata.paths import ROOT
from strata.progress import told
from strata.vendored import entries
from strata.vendored.local import working_copies
from strata.vendored.roles import VendoredRoles
from strata.vendored.sync import drift, sync
from strata.vendored.update import Change, update

UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))

file_option = click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
    default=ROOT / "modules.env",
    help="Another modules.env, or a requirements.yml; modules.lock and vendor/ are beside it.",
)
allow_option = click.option("--allow-file", is_flag=True, help="Let file:// URLs pass: folders of this machine.")


@click.group()
def command() -> None:
    """Manage the roles of other repositories: modules.env names them, vendor/roles/ gets them."""


@command.command("list")
@file_option
@allow_option
def list_command(file: Path, allow_file: bool) -> None:
    """Print one line a module.

    It has name, URL and ref, and the version, commit and age of what is in vendor/roles/.
    """
    vendored = VendoredRoles(file, file_allowed=allow_file)
    found = entries.read(file, file_allowed=allow_file)
    for entry in found:
        click.echo(" ".join([entry.name, entry.url, entry.ref, *_installed(vendored, entry)]))
    click.echo(entries.summary(found), err=True)


@command.command("lock")
@file_option
@allow_option
def lock_command(file: Path, allow_file: bool) -> None:
    """Write the commits that refs name to modules.lock.

    A tag that names another commit than before is an error, and nothing is written.
    """
    with told("modules.lock"):
        _show(update(VendoredRoles(file, file_allowed=allow_file), (), _say, logs=False))


@command.command("update")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@file_option
@allow_option
def update_command(names: tuple[str, ...], file: Path, allow_file: bool) -> None:
    """Lock the newest commits, and show the log.

    Of all modules, or of NAME; the log is what came between the old commits and the new ones.
    """
    with told("modules.lock"):
        _show(update(VendoredRoles(file, file_allowed=allow_file), names, _say, logs=True))


@command.command("sync")
@click.option("--local", metavar="NAME=PATH", multiple=True, help="Try a working copy in place of a module.")
@file_option
@allow_option
def sync_command(local: tuple[str, ...], file: Path, allow_file: bool) -> None:
    """Bring vendor/roles/ to what modules.lock says.

    What is right is not touched, and no server is asked for it. If a module fails, the others are brought all the same.
    """
    vendored = VendoredRoles(file, file_allowed=allow_file)
    with told("vendor/roles"):
        outcome = sync(vendored, working_copies(local, vendored.entries), _say)
    for line in outcome.done:
        click.echo(line)
    for line in outcome.warnings:
        click.echo(f"warning: {line}", err=True)
    for line in outcome.failed:
        click.echo(f"FAILED {line}", err=True)
    click.echo(f"{len(outcome.done)} done, {outcome.unchanged} unchanged, {len(outcome.failed)} failed")
    sys.exit(1 if outcome.failed else 0)


@command.command("check")
@click.option("--remote", is_flag=True, help="Also ask the repositories whether refs are gone, or tags have moved.")
@file_option
@allow_option
def check_command(remote: bool, file: Path, allow_file: bool) -> None:
    """Say where vendor/roles/ is not what is locked.

    Edited files, other commits, extra folders: if there are any, the exit code is 1.
    """
    found = drift(VendoredRoles(file, file_allowed=allow_file), _say, remote=remote)
    for line in found:
        click.echo(line)
    sys.exit(1 if found else 0)


def _installed(vendored: VendoredRoles, entry: entries.Entry) -> list[str]:
    """Return version, commit and age of a module in vendor/roles/, as far as they are known."""
    installed = vendored.vendor.installed(entry.name)
    if installed is None:
        return []
    pin = vendored.pins.get(entry.name)
    version = pin.ref.removeprefix("refs/tags/") if pin and pin.tag and pin.sha == installed.sha else "-"
    return [version, installed.sha[:12], _age(installed.committed)]


def _age(committed: int) -> str:
    seconds = max(0, int(time.time()) - committed)
    for unit, length in UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count}-{unit}{'s' if count > 1 else ''}"
    return "now"


def _show(changes: list[Change]) -> None:
    for change in changes:
        click.echo(change)
        for line in change.log:
            click.echo(f"  {line}")
    click.echo(f"{len(changes)} changed" if changes else "nothing changed")


def _say(what: str) -> None:
    click.echo(f"strata: {what}", err=True)
