"""Which files of Python use which others: what they import, load and run, as their texts say it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from strata.export.references import LOADER
from strata.repository.imports import imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.affected.tree import Tree

UTILS = "ansible/module_utils/"
VERBS = "src/strata/verbs"
#: Imports for type checkers bring nothing that runs.
TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+\S.*\n|[ \t]*\n)+", re.MULTILINE)
MODULE_NAME = re.compile(r"""module_name=["'](\w+)["']""")
#: A run of the command line, with the verb where it stands there.
RUN = re.compile(r'(?:invoke\(\s*cli,\s*\[|"-m",\s*"strata",|bin/strata",)\s*(?:"([a-z-]+)")?')
RUN_MODULE = re.compile(r'-m[" ,]+(strata\.\w[\w.]*)')


class Code:
    """The Python of a tree."""

    def __init__(self, tree: Tree) -> None:
        """Look in all files for what they use."""
        self._tree = tree
        # What tests may import by its bare name, as pytest and their conftest.py make Python look for it.
        near = (path for path in tree.python if path.startswith(("tests/", "library/")))
        self._bare = {name.removesuffix(".py") for path in near for name in path.split("/")}
        #: The files of the verbs of the command line that a test runs.
        self.verbs: dict[str, set[str]] = {}
        #: The files that a file uses directly.
        self.used: dict[str, set[str]] = {}
        #: The files that use a file directly.
        self.users: dict[str, set[str]] = {}
        for path, text in tree.texts([*tree.python, *tree.below("molecule", (".yml",))]):
            self.used[path] = {used for used in self._named(path, text) if used in tree.paths and used != path}
            for used in self.used[path]:
                self.users.setdefault(used, set()).add(path)

    def below(self, paths: set[str]) -> set[str]:
        """Return files and all that they use, directly or not."""
        found: set[str] = set()
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting += self.used.get(path, ())
        return found

    def _named(self, path: str, text: str) -> Iterator[str]:
        for name in RUN_MODULE.findall(text):
            base = f"src/{name.replace('.', '/')}"
            yield from (f"{base}/__main__.py", *_files(base))
        if not path.endswith(".py"):
            return
        for module, names in imports(TYPES.sub("", text)):
            for base in self._bases(path, module):
                yield from _files(base)
                yield from (f"{base}/{name}.py" for name in names)
                yield from (f"{base}/{name}/__init__.py" for name in names)
        # Where a text has no such word, the expression would take far longer to find that out.
        if "_loader.get" in text:
            yield from (f"{kind}_plugins/{name}.py" for kind, name in LOADER.findall(text))
        yield from (f"library/{name}.py" for name in MODULE_NAME.findall(text))
        if path.startswith("tests/") and ('strata",' in text or "invoke(" in text) and (run := RUN.findall(text)):
            named = {f"{VERBS}/{verb.replace('-', '_')}.py" for verb in run}
            # Where it does not say which verb, it may be any.
            self.verbs[path] = named if all(run) else set(self._tree.below(VERBS))
            yield from ("src/strata/__main__.py", "src/strata/cli.py", *self.verbs[path])

    def _bases(self, path: str, module: str) -> list[str]:
        """Return the paths without suffix that a module may have where it is imported by the file `path`."""
        name = module.lstrip(".")
        inside = name.replace(".", "/")
        if name != module:
            above = PurePosixPath(path).parents[len(module) - len(name) - 1]
            return [str(above / inside)]
        if inside.startswith(UTILS):
            return [inside.removeprefix("ansible/")]
        first = name.partition(".")[0]
        if first == "strata":
            return [f"src/{inside}"]
        if first not in self._bare or not path.startswith("tests/"):
            return []
        parents = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        return [*(f"{parent}/{inside}" for parent in parents), inside, f"library/{inside}"]


def _files(base: str) -> Iterator[str]:
    """Yield the files that a module may be, and those of the packages that it is in."""
    yield f"{base}.py"
    folders = base.split("/")
    yield from (f"{'/'.join(folders[:length])}/__init__.py" for length in range(1, len(folders) + 1))
