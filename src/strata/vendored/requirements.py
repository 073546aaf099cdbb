"""Ansible's own requirements.yml, as far as it names roles in git repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.repository.source import line
from strata.vendored.env import Stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.source import Source

_KEYS = {"src", "scm", "version", "name"}


def statements(source: Source) -> Iterator[Stated]:
    """Yield the roles of a file. Raises BrokenFileError at one that is not in a git repository."""
    loaded = source.load()
    if isinstance(loaded, dict):
        if unknown := [key for key in loaded if key != "roles"]:
            raise source.broken(line(loaded, unknown[0]), f"{unknown[0]} is not read here: only roles are")
        loaded = source.items(loaded.get("roles"), "roles", line(loaded, "roles"))
    entries = source.items(loaded, "the file")
    for at, entry in enumerate(entries):
        yield _stated(source, line(entries, at), entry)


def _stated(source: Source, at: int, entry: Any) -> Stated:
    if isinstance(entry, str):
        words = [*entry.split(","), "", ""]
        given: dict[str, Any] = dict(zip(("src", "version", "name"), words, strict=False))
    else:
        given = source.section(entry, "a role", at)
    if unknown := [key for key in given if key not in _KEYS]:
        raise source.broken(at, f"{unknown[0]} is not known here: a role has {', '.join(sorted(_KEYS))}")
    for key, value in given.items():
        if not isinstance(value, str):
            raise source.broken(at, f"{key} must be a text in quotes, not {value!r}")
    if given.get("scm", "git") != "git":
        raise source.broken(at, f"{given['scm']} is not git: only roles in git repositories are read")
    url = given.get("src", "").removeprefix("git+")
    if ":" not in url:
        raise source.broken(at, f"{url or 'a role'} has no URL of a git repository as src; Galaxy is not asked")
    return Stated(at, "SOURCE", url, given.get("version") or "HEAD", given.get("name") or "")
