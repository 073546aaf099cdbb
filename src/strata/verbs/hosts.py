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
    from strata.deploy.state import HostState, Target


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show what `strata deploy` has brought each host to, and leave hosts alone."""
    if ctx.invoked_subcommand:
        return
    store = Store(settings.read().folder)
    if hold := store.hold():
        click.echo(f"{hold}")
    target, disabled = _target(store), store.disabled()
    show(
        ("host", "revision", "last success (UTC)", "last failure (UTC)", "state"),
        (
            (
                host,
                state.revision[:12] or "none",
                lock.brief(state.success),
                lock.brief(state.failure),
                _state(state, disabled.get(host), target.revision),
            )
            for host in sorted(target.hosts)
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
    store = Store(settings.read().folder)
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
    store = Store(settings.read().folder)
    _check(store, host)
    if host not in store.disabled():
        raise UsageError(f"{host} is not disabled")
    store.enable(host)
    click.echo(f"{host}: enabled; the next deploy does what it missed")


def _state(state: HostState, disabled: Disabled | None, revision: str) -> str:
    said = [f"{disabled}{' (over)' if disabled.over else ''}"] if disabled else []
    said += [state.message] if state.message else []
    return "; ".join(said) or ("as deployed" if state.revision == revision else "due")


def _target(store: Store) -> Target:
    """Return what the last run was for. Raises UsageError before the first one."""
    target = store.target()
    if target is None:
        raise UsageError(f"{shown(store.folder)}: nothing was deployed yet, so that no host is known")
    return target


def _check(store: Store, host: str) -> None:
    known = _target(store).hosts
    if host not in known:
        raise UsageError(f"there is no host {host!r}{nearest(host, known)}")
