"""`strata down`."""

import click

from strata.progress import step
from strata.sandbox import gerrit, images, leftovers, packages
from strata.sandbox.declared import named_sandbox
from strata.sandbox.podman import require


@click.command()
@click.option("--all", "all_wanted", is_flag=True, help="Remove those of tests and benchmarks too, also running ones.")
@click.option("--images", "with_images", is_flag=True, help="Remove the images, the kept packages and WARs too.")
def command(all_wanted: bool, with_images: bool) -> None:
    """Remove the hosts and the network of this checkout's sandbox; those of other checkouts stay."""
    require()
    if all_wanted:
        leftovers.remove_all(lambda what: click.echo(f"removed {what}"))
    else:
        with step("removing the sandbox"):
            named_sandbox().down()
        if left := leftovers.names():
            click.echo(f"hosts of tests are left: {', '.join(left)}; `bin/strata down --all` removes them", err=True)
    if with_images:
        packages.forget()
        gerrit.forget()
        for image in images.remove_all():
            click.echo(f"{image} is left: containers still use it", err=True)
