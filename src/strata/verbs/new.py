"""`strata new`."""

from pathlib import Path

import click

from strata.paths import ROOT, shown
from strata.skeleton import create


@click.group()
def command() -> None:
    """Write a role or a module that passes all checks, to begin with."""


@command.command()
@click.argument("name")
def role(name: str) -> None:
    """Write the service role NAME.

    It has parameters, a task, a scenario and tests, and writes one file. What to change next is told.
    """
    _show(*create.role(ROOT, name))


@command.command()
@click.argument("name")
@click.option("--package", help="Its package in module_utils/strata, instead of the first word of NAME.")
def module(name: str, package: str | None) -> None:
    """Write the module NAME.

    It has its documentation, a package with declared, host, plan and run, and tests, and keeps the settings of one
    file. What to change next is told.
    """
    _show(*create.module(ROOT, name, package))


def _show(paths: list[Path], next_steps: str) -> None:
    for path in paths:
        click.echo(f"wrote {shown(path)}")
    click.echo(f"\n{next_steps}", nl=False)
