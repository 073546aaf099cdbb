"""`strata ssh`."""

import os

import click

from strata.errors import UsageError
from strata.sandbox.declared import declared_sandbox


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("host")
@click.argument("remote_command", metavar="[CMD]...", nargs=-1, type=click.UNPROCESSED)
def command(host: str, remote_command: tuple[str, ...]) -> None:
    """Log in to HOST as root, or run CMD there; the exit code is that of CMD."""
    sandbox = declared_sandbox()
    known = sandbox.known()
    if not known:
        raise UsageError("the sandbox is not up: run `bin/strata up`")
    if host not in known:
        raise UsageError(f"the sandbox has no host {host!r}: it has {', '.join(sorted(known))}")
    line = sandbox.ssh_command(host, *remote_command)
    os.execvp(line[0], line)  # noqa: S606 - no shell is wanted
