"""What molecule's scenarios need of this machine.

`python -m strata.sandbox up|down NAME` boots or removes the hosts of a scenario; `up` reads molecule's platforms as
JSON from standard input. `python -m strata.sandbox gerrit-war VERSION` prints the path of a gerrit.war, which it
assembles if it is not there yet; its sha256 is beside it.
"""

import json
import sys

import click

from strata.errors import StrataError
from strata.sandbox import gerrit
from strata.sandbox.hosts import Host, Sandbox
from strata.sandbox.podman import require

#: The last part of the first host's addresses; the others follow.
FIRST_NUMBER = 11


def main(verb: str, name: str) -> None:
    """Carry out the verb for the sandbox, or version of Gerrit, `name`."""
    if verb == "gerrit-war":
        click.echo(gerrit.war(name))
        return
    require()
    if verb == "down":
        Sandbox(name).down()
        return
    platforms = json.load(sys.stdin)
    Sandbox(name, [Host(entry["name"], entry["image"], FIRST_NUMBER + n) for n, entry in enumerate(platforms)]).up()


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except StrataError as error:
        click.echo(f"strata: {error}", err=True)
        sys.exit(error.exit_code)
