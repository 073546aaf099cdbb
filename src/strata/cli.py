"""The command line: one verb a file in `strata.verbs`, imported only when it is used."""

import importlib
import sys

import click

from strata.errors import StrataError
from strata.processes import Interrupted, interruptible

VERBS = {
    "up": "Boot the hosts of the sandbox and converge them.",
    "down": "Remove the hosts and the network of the sandbox, or of all tests too.",
    "status": "Show the hosts of the sandbox.",
    "ssh": "Log in to a host of the sandbox, or run a command there.",
    "converge": "Apply site.yml.",
    "plan": "Show what site.yml would change, in one remote call a host.",
    "deploy": "Bring merged changes to the hosts that they affect.",
    "hosts": "Show what was deployed to each host; disable and enable hosts.",
    "runs": "Show what runs of deploy did.",
    "catalog": "Compile what site.yml would apply to hosts, without asking them.",
    "facts": "Keep what hosts say of themselves, for catalogs.",
    "explain": "Show where the variables of a host get their values from.",
    "secrets": "List which host needs which secret, and which are not set.",  # pragma: allowlist secret
    "test": "Run the tests: all of them, or those named.",
    "gate": "Check what a change needs, cheapest first.",
    "affected": "Show what a change affects, and which tests it needs.",
    "lint": "Check the sources and the layers.",
    "new": "Write a role or a module that passes all checks, to begin with.",
    "modules": "Bring the roles of other repositories, and pin their commits.",
    "roles": "Show which roles there are, in which versions, and who uses them.",
    "export": "Write roles for use in other repositories.",
    "project-config": "Check or fix the flat files of an organisation.",
    "bench": "Measure Strata beside other means that keep the same state.",
}


class Verbs(click.Group):
    """A group whose commands are modules of `strata.verbs`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a newcomer needs them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"strata.verbs.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Strata: servers described in Ansible, in layers, every change gated."""


def main() -> None:
    """Run the command line; a known error is one sentence and an exit code of 1 or 2, a signal one of its own."""
    try:
        with interruptible():
            cli(prog_name="strata")
    except StrataError as error:
        click.echo(f"strata: {error}", err=True)
        sys.exit(error.exit_code)
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
