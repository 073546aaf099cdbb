"""`strata hosts`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from strata.deploy import lock, settings
from strata.deploy.state import Disabled, Store
from strata.errors import UsageError, nearest
from strata.paths import shown
from strata.tables import show

if TYPE_CHECKING:
    from strata.deploy.state import HostState


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show what `strata deploy` has brought each host to, and leave hosts alone."""
    if ctx.invoked_subcommand:
        return
    store = Store(settings.FOLDER)
    if hold := store.hold():
        click.echo(f"{hold}")
    disabled = store.disabled()
    show(
        ("host", "revision", "last success", "last failure", "state"),
        (
            (host, state.revision[:12] or "none", state.success, state.failure, _state(state, disabled.get(host)))
            for host in _known(store)
            for state in [store.host(host)]
        ),
    )


@command.command()
@click.argument("host")
@click.option("--reason", required=True, help="Why, for all who ask.")
@click.option(
    "--until",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M")),
    help="When it ends by itself (UTC); by default never.",
)
def disable(host: str, reason: str, until: datetime | None) -> None:
    """Leave HOST alone in deploys."""
    store = Store(settings.FOLDER)
    _check(store, host)
    end = until.replace(tzinfo=UTC).isoformat(timespec="seconds") if until else ""
    found = Disabled(" ".join(reason.split()), lock.now(), lock.who(), end)
    if not found.reason:
        raise UsageError("--reason: say why")
    if found.over:
        raise UsageError(f"--until: {end} is over")
    store.disable(host, found)
    click.echo(f"{host}: {found}")


@command.command()
@click.argument("host")
def enable(host: str) -> None:
    """Leave HOST alone no longer; the next deploy does what it missed."""
    store = Store(settings.FOLDER)
    _check(store, host)
    if host not in store.disabled():
        raise UsageError(f"{host} is not disabled")
    store.enable(host)
    click.echo(f"{host}: enabled; the next deploy does what it missed")


def _state(state: HostState, disabled: Disabled | None) -> str:
    said = [f"{disabled}{' (over)' if disabled.over else ''}"] if disabled else []
    return "; ".join([*said, *([state.message] if state.message else [])]) or "as deployed"


def _known(store: Store) -> list[str]:
    """Return the hosts of the last run. Raises UsageError before the first one."""
    target = store.target()
    if target is None:
        raise UsageError(f"{shown(settings.FOLDER)}: nothing was deployed yet, so that no host is known")
    return sorted(target.hosts)


def _check(store: Store, host: str) -> None:
    known = _known(store)
    if host not in known:
        raise UsageError(f"there is no host {host!r}{nearest(host, known)}")
