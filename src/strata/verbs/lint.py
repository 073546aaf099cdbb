"""`strata lint`."""

import sys

import click

from strata.suite.checks import checks, fix


@click.command()
@click.option(
    "--fix", "wants_fix", is_flag=True, help="First fix what a program can fix; write READMEs and the imports in docs."
)
def command(wants_fix: bool) -> None:
    """Check the sources: ruff, mypy, ansible-lint, yamllint, shellcheck, and the rules of the layers."""
    if wants_fix:
        for path in fix():
            click.echo(f"wrote {path}")
    well = True
    for check in checks():
        found = check.run()
        well &= not found
        click.echo(f"{'failed' if found else 'ok':8}{check.name}")
        if found:
            click.echo(found)
    sys.exit(0 if well else 1)
