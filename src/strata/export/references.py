"""Where roles, modules and plugins name each other: what they use, and the same text with fully qualified names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.repository.imports import imports
from strata.repository.source import position
from strata.repository.tasks import role_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.roles import Role

#: The folders of modules and plugins, each with its name in a collection.
FOLDERS = {
    "library": "modules",
    "module_utils": "module_utils",
    "action_plugins": "action",
    "lookup_plugins": "lookup",
    "filter_plugins": "filter",
    "test_plugins": "test",
}
TASKS = ("library", "action_plugins")

#: The folders of a role whose files name plugins in Jinja expressions.
TEMPLATED = ("defaults", "handlers", "meta", "tasks", "templates", "vars")

JINJA = {
    "lookup_plugins": (r"""\b(?:lookup|query|q)\(\s*['"](\w+)['"]""",),
    "filter_plugins": (r"\|\s*(\w+)\b", r"""\bmap\(\s*['"](\w+)['"]"""),
    "test_plugins": (
        r"\bis\s+(?:not\s+)?(\w+)\b",
        r"""\b(?:select|reject)\(\s*['"](\w+)['"]""",
        r"""\b(?:select|reject)attr\(\s*['"][^'"]*['"]\s*,\s*['"](\w+)['"]""",
    ),
}
PATTERNS = [(folder, re.compile(pattern)) for folder, patterns in JINJA.items() for pattern in patterns]
LOADER = re.compile(r"""\b(action|lookup|filter|test)_loader\.get\(\s*['"](\w+)['"]""")
UTILS = "ansible.module_utils.strata"
EXAMPLES = re.compile(r'^EXAMPLES = r?""".*?^"""', re.DOTALL | re.MULTILINE)

Names = dict[str, frozenset[str]]
Place = tuple[int, int, str]


def in_jinja(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the plugins that a text may name in Jinja expressions: folder, name, and where the name stands."""
    for folder, pattern in PATTERNS:
        for match in pattern.finditer(text):
            yield folder, match[1], match.start(1)


def in_tasks(role: Role, names: Names) -> Iterator[tuple[str, str]]:
    """Yield the modules and actions that the tasks of a role call: folder and name. Raises BrokenFileError."""
    for _, task in role_tasks(role):
        yield from ((folder, key) for folder in TASKS for key in task if key in names[folder])


def in_python(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a module or plugin may use: folder, and the path in it without its suffix.

    What is imported from a package may be a file of it, or a name in its `__init__`.
    """
    for module, imported in imports(text):
        if f"{module}.".startswith(f"{UTILS}."):
            path = module.removeprefix("ansible.module_utils.").replace(".", "/")
            folders = path.split("/")
            packages = ["/".join(folders[:length]) for length in range(1, len(folders) + 1)]
            names = [path, *(f"{path}/{name}" for name in imported)]
            yield from (("module_utils", name) for name in [*names, *(f"{each}/__init__" for each in packages)])
    for kind, name in LOADER.findall(text):
        yield f"{kind}_plugins", name


class Qualifier:
    """Gives names their collection."""

    def __init__(self, collection: str, names: Names, roles: frozenset[str]) -> None:
        """Remember the collection's name, its modules and plugins by folder, and its roles."""
        self.collection, self._names, self._roles = collection, names, roles

    def name(self, name: str) -> str:
        """Return a name with its collection."""
        return f"{self.collection}.{name}"

    def jinja(self, text: str) -> str:
        """Return a text whose Jinja expressions name plugins of the collection with it."""
        places = {place: name for folder, name, place in in_jinja(text) if name in self._names[folder]}
        for place in sorted(places, reverse=True):
            text = f"{text[:place]}{self.collection}.{text[place:]}"
        return text

    def python(self, text: str) -> str:
        """Return the text of a module or plugin."""

        def loaded(match: re.Match[str]) -> str:
            known = match[2] in self._names[f"{match[1]}_plugins"]
            return match[0].replace(match[2], self.name(match[2])) if known else match[0]

        def example(match: re.Match[str]) -> str:
            modules = "|".join(self._names["library"] | self._names["action_plugins"])
            return self.jinja(re.sub(rf"^( +)({modules}):", rf"\1{self.collection}.\2:", match[0], flags=re.MULTILINE))

        text = text.replace(UTILS, f"ansible_collections.{self.collection}.plugins.module_utils.strata")
        return EXAMPLES.sub(example, LOADER.sub(loaded, text))

    def tasks(self, role: Role) -> dict[str, str]:
        """Return the files of a role's tasks and handlers, by their paths in it, with qualified names of modules."""
        places: dict[str, list[Place]] = {}
        for source, task in role_tasks(role):
            found = places.setdefault(source.path.relative_to(role.path).as_posix(), [])
            keys = [key for key in task if any(key in self._names[folder] for folder in TASKS)]
            found += [(*position(task, key), key) for key in keys]
        return {path: self._insert(role.source(path).text(), found) for path, found in places.items()}

    def dependencies(self, role: Role) -> str:
        """Return the text of a role's meta/main.yml with the names of the roles that it depends on qualified."""
        places = []
        for at, entry in enumerate(role.dependencies):
            if isinstance(entry, str):
                places.append((*position(role.dependencies, at), entry))
            elif key := next((key for key in ("role", "name") if key in entry), None):
                places.append((*position(entry, key, value=True), entry[key]))
        places = [place for place in places if place[-1] in self._roles]
        return self._insert(role.source("meta/main.yml").text(), places)

    def _insert(self, text: str, places: list[Place]) -> str:
        lines = text.splitlines(keepends=True)
        for row, column, name in sorted(places, reverse=True):
            start = lines[row].index(name, column)
            lines[row] = f"{lines[row][:start]}{self.collection}.{lines[row][start:]}"
        return "".join(lines)
