"""Which commit a ref names, and the alarm when a tag has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.vendored.lock import Pin
from strata.vendored.names import SHA, full_refs

if TYPE_CHECKING:
    from strata.vendored.entries import Entry
    from strata.vendored.roles import VendoredRoles

PEELED = "^{}"


class MovedTagError(StrataError):
    """A tag names another commit than the one that was locked."""


def resolve(vendored: VendoredRoles, entry: Entry) -> Pin:
    """Ask an entry's repository what its ref names now.

    Raises:
        StrataError: it can't be reached, has no such ref, or has a tag and a branch of this name.
        MovedTagError: what modules.lock has of it was a tag, or is one now, and is another commit.

    """
    old = vendored.pins.get(entry.name)
    if SHA.fullmatch(entry.ref):
        return Pin(entry.name, entry.ref, entry.ref, entry.url)
    names = full_refs(entry.ref)
    patterns = [pattern for name in names for pattern in (name, name + PEELED)]
    printed = vendored.git.run(vendored.cache, "ls-remote", "--quiet", "--", entry.url, *patterns)
    lines = (line.partition("\t") for line in printed.splitlines())
    shas = {ref: sha for sha, _, ref in lines if SHA.fullmatch(sha)}
    found = [name for name in names if name in shas]
    if not found:
        raise StrataError(f"{entry.url} has no tag or branch {entry.ref}: it is gone, or was never there")
    if len(found) > 1:
        raise StrataError(f"{entry.url} has {' and '.join(found)}: write the whole name in place of {entry.ref}")
    new = Pin(entry.name, shas.get(found[0] + PEELED, shas[found[0]]), found[0], entry.url)
    if old and old.fits(entry):
        alarm(old, new)
    return new


def alarm(old: Pin, new: Pin) -> None:
    """Raise MovedTagError if a tag is in play and names another commit now."""
    if (old.tag or new.tag) and (old.sha, old.ref) != (new.sha, new.ref):
        raise MovedTagError(
            f"ALARM: {old.ref} of {old.url} was {old.sha} when it was locked; now {new.ref} is {new.sha}. A tag must "
            f"not move: ask its owners. If it is right, take the line of {old.name} out of modules.lock and lock again."
        )
