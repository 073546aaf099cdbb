"""`strata down`."""

import click

from strata.progress import step
from strata.sandbox import gerrit, images, packages
from strata.sandbox.declared import declared_sandbox
from strata.sandbox.podman import require


@click.command()
@click.option("--images", "with_images", is_flag=True, help="Remove the images, the kept packages and WARs too.")
def command(with_images: bool) -> None:
    """Remove the hosts and the network of this checkout's sandbox."""
    require()
    with step("removing the sandbox"):
        declared_sandbox().down()
    if with_images:
        packages.forget()
        gerrit.forget()
        for image in images.remove_all():
            click.echo(f"{image} is left: containers still use it", err=True)
