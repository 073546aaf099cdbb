"""Locking: resolving refs to commits, and what came between the old and the new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.errors import StrataError, UsageError
from strata.vendored import lock
from strata.vendored.git import GitError
from strata.vendored.names import printable
from strata.vendored.resolve import resolve
from strata.vendored.roles import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strata.vendored.lock import Pin
    from strata.vendored.roles import VendoredRoles

#: Commits of a log that are shown.
MAX_LOG = 50


@dataclass(frozen=True)
class Change:
    """What became of a module's pin: `old` is None for a new one, `new` for one that is gone."""

    name: str
    old: Pin | None
    new: Pin | None
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the change in a line."""
        if self.new is None:
            return f"{self.name} removed"
        if self.old is None:
            return f"{self.name} {self.new.sha} {self.new.ref}"
        if self.old.sha == self.new.sha:
            return f"{self.name} {self.new.sha} is {self.new.ref} of {self.new.url} now"
        return f"{self.name} {self.old.sha}..{self.new.sha} {self.new.ref}"


def update(vendored: VendoredRoles, names: Sequence[str], say: Callable[[str], None], *, logs: bool) -> list[Change]:
    """Resolve the refs of modules and write modules.lock; return what changed.

    Args:
        vendored: the checkout.
        names: which modules; all if empty. What the lock says of others stays, and must be there.
        say: gets what there is to wait for.
        logs: whether to get the log between the old and the new commits.

    Raises:
        StrataError: a file can't be used, or refs can't be resolved; modules.lock is as it was.
        UsageError: a name is not that of a module.

    """
    for name in names:
        if name not in vendored.entries:
            raise UsageError(
                f"{vendored.file.name} has no module {name}: it has {', '.join(vendored.entries) or 'none'}"
            )
    with vendored.exclusive(say):
        asked = [entry for entry in vendored.entries.values() if not names or entry.name in names]
        answers = at_once(vendored.git, lambda entry: resolve(vendored, entry), asked)
        failed = [f"{entry.name}: {answer}" for entry, answer in answers if isinstance(answer, StrataError)]
        if failed:
            raise StrataError("\n  ".join([f"{vendored.lock.name} stays as it was:", *failed]))
        pins = {name: pin for name, pin in vendored.pins.items() if name in vendored.entries}
        pins |= {pin.name: pin for _, pin in answers if not isinstance(pin, StrataError)}
        if names:
            lock.agree(vendored.entries.values(), pins, vendored.file)
        changes = [
            Change(name, vendored.pins.get(name), pins.get(name))
            for name in sorted({*vendored.pins, *pins})
            if vendored.pins.get(name) != pins.get(name)
        ]
        if logs:
            changes = [
                found if isinstance(found, Change) else Change(change.name, change.old, change.new, (str(found),))
                for change, found in at_once(vendored.git, lambda change: _with_log(vendored, change), changes)
            ]
        lock.write(vendored.lock, pins.values())
    return changes


def _with_log(vendored: VendoredRoles, change: Change) -> Change:
    """Return the change with its log: newest first, and a warning if the old commit did not lead to the new one."""
    old, new = change.old, change.new
    if old is None or new is None or old.sha == new.sha or old.url != new.url:
        return change
    repository = vendored.repository(new)
    repository.fetch(new, history=True)
    between = f"{old.sha}..{new.sha}"
    try:
        printed = vendored.git.run(
            repository.folder, "log", "--format=%h %s", f"--max-count={MAX_LOG + 1}", between, "--"
        )
        lost = vendored.git.run(repository.folder, "rev-list", "--count", f"{new.sha}..{old.sha}", "--").strip()
    except GitError:
        return Change(change.name, old, new, (f"{old.sha} is not in the history of {new.sha}",))
    lines = [printable(line) for line in printed.splitlines()]
    if len(lines) > MAX_LOG:
        lines[MAX_LOG:] = ["..."]
    if lost != "0":
        lines.append(f"not in it any more: {lost} of the commits that led to {old.sha}")
    return Change(change.name, old, new, tuple(lines))
