"""modules.lock: which commit of each module is wanted, one line a module, for review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata import whole
from strata.errors import StrataError
from strata.repository.roles import BARE_NAME
from strata.repository.source import Source
from strata.vendored.names import SHA, full_refs, printable, ref_refusal, url_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from strata.vendored.entries import Entry

HEADER = "# Written by `bin/strata modules lock`: name, commit, what it was resolved from, URL.\n"
FIELDS = 4


@dataclass(frozen=True, order=True)
class Pin:
    """A module at a commit; `ref` is the full name of the ref that named the commit, or the commit itself."""

    name: str
    sha: str
    ref: str
    url: str

    @property
    def tag(self) -> bool:
        """Return whether the ref is one that must never move."""
        return self.ref.startswith("refs/tags/")

    def fits(self, entry: Entry) -> bool:
        """Return whether this is what an entry of modules.env was resolved to."""
        return self.url == entry.url and self.ref in full_refs(entry.ref)


def read(path: Path, *, file_allowed: bool = False) -> dict[str, Pin]:
    """Return the pins by name, {} where there is no file. Raises BrokenFileError."""
    source = Source(path.parent, path)
    pins: dict[str, Pin] = {}
    for number, line in enumerate(source.text().split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        pin, reason = _parsed(line, file_allowed=file_allowed)
        if not reason and pin.name in pins:
            reason = f"{pin.name} is here twice"
        if reason:
            raise source.broken(number, f"{printable(reason)}: `bin/strata modules lock` writes the file anew")
        pins[pin.name] = pin
    return pins


def write(path: Path, pins: Iterable[Pin]) -> None:
    """Replace the file in one step; one that says the same already stays untouched. Raises StrataError."""
    text = HEADER + "".join(f"{pin.name} {pin.sha} {pin.ref} {pin.url}\n" for pin in sorted(pins))
    if Source(path.parent, path).text() == text:
        return
    try:
        whole.write(path, text.encode(), 0o644)
    except OSError as error:
        raise StrataError(f"{path}: can't be written: {error.strerror}") from None


def agree(entries: Iterable[Entry], pins: dict[str, Pin], file: Path) -> None:
    """Raise StrataError unless the pins are those of the entries of a file."""
    wanted = {entry.name: entry for entry in entries}
    wrong = [name for name, entry in wanted.items() if name not in pins or not pins[name].fits(entry)]
    wrong += [name for name in pins if name not in wanted]
    if wrong:
        names = ", ".join(wrong)
        raise StrataError(f"modules.lock is not what {file.name} says of {names}: run `bin/strata modules lock`")


def _parsed(line: str, *, file_allowed: bool) -> tuple[Pin, str | None]:
    fields = line.split(" ")
    if len(fields) != FIELDS:
        return Pin(*[""] * FIELDS), "is not a line of name, commit, ref and URL"
    pin = Pin(*fields)
    if not BARE_NAME.fullmatch(pin.name):
        return pin, f"{pin.name} can't be the name of a role"
    if not SHA.fullmatch(pin.sha):
        return pin, f"{pin.sha} is not a commit"
    return pin, ref_refusal(pin.ref) or url_refusal(pin.url, file_allowed=file_allowed)
