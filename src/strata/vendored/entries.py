"""What modules.env says: where a role lives, its name, and which ref is wanted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.repository.roles import BARE_NAME
from strata.repository.source import Source
from strata.vendored import env, requirements
from strata.vendored.names import name_of, printable, ref_refusal, url_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from strata.vendored.env import Stated

#: How the names of files in the form of requirements.yml end.
YAML = {".yml", ".yaml"}


@dataclass(frozen=True)
class Entry:
    """A module: `kind` is SOURCE or INTEGRATION, `line` where it stands."""

    name: str
    url: str
    ref: str
    kind: str
    line: int


def read(path: Path, *, file_allowed: bool = False) -> list[Entry]:
    """Return the entries of a file of either form, in its order; none where there is no file.

    Args:
        path: modules.env in OpenStack's syntax, or Ansible's requirements.yml if it ends in .yml or .yaml.
        file_allowed: whether URLs may name folders of this machine.

    Raises:
        BrokenFileError: something in it is refused or not understood; it names the line.

    """
    source = Source(path.parent, path)
    form = requirements if path.suffix in YAML else env
    return _checked(source, form.statements(source), file_allowed=file_allowed)


def summary(entries: Iterable[Entry]) -> str:
    """Return how many entries there are, of which kind."""
    kinds = Counter(entry.kind for entry in entries)
    parts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), reverse=True))
    return f"{kinds.total()} modules" + (f": {parts}" if parts else "")


def _checked(source: Source, stated: Iterable[Stated], *, file_allowed: bool) -> list[Entry]:
    found: dict[str, Entry] = {}
    urls: dict[str, int] = {}
    for each in stated:
        name = each.name or name_of(each.url)
        reason = url_refusal(each.url, file_allowed=file_allowed) or ref_refusal(each.ref)
        if not reason and not BARE_NAME.fullmatch(name):
            reason = f"{name!r} can't be the name of a role (a-z, 0-9 and _, a letter first): {naming(source.path)}"
        if not reason and each.url in urls:
            reason = f"{each.url} stands on line {urls[each.url]} already"
        if not reason and name in found:
            other = found[name]
            reason = f"{each.url} is called {name} like {other.url} on line {other.line}: {naming(source.path)}"
        if reason:
            raise source.broken(each.line, printable(reason))
        urls[each.url] = each.line
        found[name] = Entry(name, each.url, each.ref, each.kind, each.line)
    return list(found.values())


def naming(path: Path) -> str:
    """Return how another name is given in a file of this form."""
    form = "`name: NAME`" if path.suffix in YAML else "`# name: NAME` at the end of the line"
    return f"give it another name, {form}"
