"""Saying what is being done, and how long it took."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce `what` on standard error and, when it is done, how many seconds it took."""
    click.echo(f"{what} ...", err=True)
    start = time.monotonic()
    with told(what):
        yield
    click.echo(f"{what}: {time.monotonic() - start:.1f} s", err=True)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say on standard error that `what` is unfinished when a signal ends it."""
    try:
        yield
    except Exception:
        raise
    except BaseException:  # a signal: errors say themselves what they ended
        click.echo(f"{what}: unfinished", err=True)
        raise


def unfinished(begun: Sequence[str], waiting: Sequence[str]) -> str:
    """Return what is said of work that a signal ends: what had begun, and what was still to be done."""
    said = [f"unfinished: {', '.join(begun) or 'nothing'}"]
    return "; ".join([*said, *([f"not begun: {', '.join(waiting)}"] if waiting else [])])
