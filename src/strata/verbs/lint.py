"""`strata lint`."""

import sys

import click

from strata.errors import UsageError, nearest
from strata.paths import ROOT
from strata.suite.checks import checks, fix


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--only", "names", metavar="NAME", multiple=True, help="Only this check; may be given again.")
@click.option(
    "--fix", "wants_fix", is_flag=True, help="First fix what a program can fix; write READMEs and the imports in docs."
)
def command(paths: tuple[str, ...], names: tuple[str, ...], wants_fix: bool) -> None:
    """Check the sources: ruff, mypy, ansible-lint, yamllint, shellcheck, and the rules of the layers.

    Where files PATH are named, as paths from the root of the checkout, only what a change of them concerns.
    """
    known = {check.name: check for check in checks()}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no check {name!r}{nearest(name, known)}: choose from {', '.join(known)}")
    for path in paths:
        if not (ROOT / path).is_file():
            raise UsageError(f"{path}: there is no such file below {ROOT}")
    if wants_fix:
        for path in fix():
            click.echo(f"wrote {path}")
    well = True
    for check in known.values():
        looked_at = check.concerned(paths, paths) if paths else []
        if looked_at is None or (names and check.name not in names):
            continue
        found = check.run(looked_at)
        well &= not found
        click.echo(f"{'failed' if found else 'ok':8}{check.name}")
        if found:
            click.echo(found)
    sys.exit(0 if well else 1)
