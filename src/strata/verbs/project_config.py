"""`strata project-config`."""

import sys
from pathlib import Path

import click

from strata.errors import UsageError
from strata.project_config.check import load
from strata.project_config.fix import fix_tree
from strata.project_config.tree import PROJECTS, Tree


@click.group()
def command() -> None:
    """Check and fix the flat files of an organisation."""


@command.command()
@click.argument("folder", metavar="TREE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--fix", is_flag=True, help="First fix the form: order, doubles, indentation, long descriptions.")
def check(folder: Path, fix: bool) -> None:
    """Check gerrit/projects.yaml and gerrit/acls of TREE.

    What is wrong is an error with file and line, what is unknown a warning. The exit code is 1 if there are errors.
    """
    tree = Tree(folder)
    if not tree.exists(PROJECTS):
        raise UsageError(f"{folder} has no {PROJECTS}: TREE is the folder that holds gerrit/")
    if fix:
        done = fix_tree(tree)
        for path in done.written:
            click.echo(f"wrote {path}")
        for reason in done.refused:
            click.echo(reason)
    found = load(tree)
    for finding in found.findings:
        click.echo(finding)
    fixable = sum(finding.form for finding in found.errors)
    click.echo(
        f"{len(found.projects)} projects, {len(found.acls)} ACLs: {len(found.errors)} errors"
        f"{f' ({fixable} of them fixed by --fix)' if fixable and not fix else ''}, "
        f"{len(found.findings) - len(found.errors)} warnings"
    )
    sys.exit(1 if found.errors else 0)
