"""Which modules and plugins roles need, and which of those need each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strata.errors import UsageError
from strata.export.references import FOLDERS, TASKS, TEMPLATED, Names, in_jinja, in_python, in_tasks
from strata.repository.roles import closure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from strata.repository.checkout import Repository
    from strata.repository.roles import Role

#: What every play of roles begins with.
ALWAYS = ("action_plugins", "preflight")


def with_dependencies(repository: Repository, names: Iterable[str]) -> list[Role]:
    """Return the roles of these names and all that they depend on.

    Raises:
        UsageError: there is no such role.

    """
    for name in names:
        if name not in repository.known_roles:
            raise UsageError(f"there is no role {name!r}: choose from {', '.join(sorted(repository.known_roles))}")
    return [repository.known_roles[name] for name in closure(list(names), repository.known_roles)]


def plugins(root: Path) -> Names:
    """Return the names of the modules and plugins of the checkout at `root`, by their folders."""
    return {folder: frozenset(path.stem for path in (root / folder).glob("*.py")) for folder in FOLDERS}


def needed(root: Path, roles: Iterable[Role]) -> list[Path]:
    """Return the files of the modules and plugins that roles need, relative to the checkout at `root`, sorted."""
    names = plugins(root)
    open_ends = [ALWAYS, *(use for role in roles for use in uses(role, names))]
    found: set[Path] = set()
    while open_ends:
        folder, name = open_ends.pop()
        path = Path(folder, f"{name}.py")
        if path in found or not (root / path).is_file():
            continue
        found.add(path)
        open_ends += in_python((root / path).read_text(encoding="utf-8"))
        open_ends += [(other, name) for other in TASKS] if folder in TASKS else []
    return sorted(found)


def uses(role: Role, names: Names) -> Iterator[tuple[str, str]]:
    """Yield the modules and plugins that the files of a role name, by folder and name. Raises BrokenFileError."""
    yield from in_tasks(role, names)
    for folder in TEMPLATED:
        for source in role.sources(folder):
            yield from ((kind, name) for kind, name, _ in in_jinja(source.text()) if name in names[kind])
