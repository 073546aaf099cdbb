"""Boot or remove the hosts of a molecule scenario: `python -m strata.sandbox up|down NAME`.

`up` reads molecule's platforms as JSON from standard input. Only molecule/shared/ calls this.
"""

import json
import sys

import click

from strata.errors import StrataError
from strata.sandbox.hosts import Host, Sandbox
from strata.sandbox.podman import require

#: The last part of the first host's addresses; the others follow.
FIRST_NUMBER = 11


def main(verb: str, name: str) -> None:
    """Carry out the verb for the sandbox `name`."""
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
