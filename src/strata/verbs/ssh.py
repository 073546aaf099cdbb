"""`strata ssh`."""

import os
from pathlib import Path

import click

from strata.errors import UsageError, nearest
from strata.sandbox.declared import SOURCE, named_sandbox
from strata.variables.site import Site
from strata.variables.ssh import ssh_command


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path, resolve_path=True),
    default=SOURCE,
    help="By default the sandbox's.",
)
@click.argument("host")
@click.argument("remote_command", metavar="[CMD]...", nargs=-1, type=click.UNPROCESSED)
def command(inventory: Path, host: str, remote_command: tuple[str, ...]) -> None:
    """Log in to HOST as Ansible does, or run CMD there; the exit code is that of CMD."""
    line = _in_sandbox(host) if inventory == SOURCE else ssh_command(Site(inventory).node(host))
    os.execvp(line[0], [*line, *remote_command])  # noqa: S606 - no shell is wanted


def _in_sandbox(host: str) -> list[str]:
    sandbox = named_sandbox()
    known = sandbox.known()
    if not known:
        raise UsageError("the sandbox is not up: run `bin/strata up`")
    if host not in known:
        hint = nearest(host, known) or f": it has {', '.join(sorted(known))}"
        raise UsageError(f"the sandbox has no host {host!r}{hint}")
    return sandbox.ssh_command(host)
