"""The place of each file: what it affects directly. A file that has none of these places affects everything."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from strata.affected import flat
from strata.affected.code import Code
from strata.affected.graph import EVERYTHING, Kind, Node, file, part, role
from strata.affected.hosts import Hosts
from strata.affected.reading import Reading
from strata.affected.roles import IMPORTED, KEY, Roles
from strata.repository.prose import GENERATED, PROSE, is_prose
from strata.suite.pythons import unit_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from strata.affected.tree import Tree

LINT, SANDBOX = part("lint"), part("sandbox")
#: The inventory whose hosts the part `sandbox` boots.
SANDBOX_HOSTS = "sandbox/"
CONFIGURATION = ".config/molecule/config.yml"
ENABLED = re.compile(r"^(?:(?:callbacks|vars_plugins)_enabled|stdout_callback)\s*=(.*)$", re.MULTILINE)


class Places:
    """What affects what in a tree, one step at a time."""

    def __init__(self, tree: Tree) -> None:
        """Remember the tree; what is slow to read is read when a node asks for it."""
        self.tree = tree
        self._roles = Roles(tree)
        self._hosts = Hosts(tree)

    def affected(self, node: Node) -> Iterable[Node]:
        """Return what a node affects directly."""
        match node.kind:
            case Kind.FILE:
                return self._by_file(node.name)
            case Kind.ROLE:
                return self._by_role(node.name)
            case Kind.HOST if node.name.startswith(SANDBOX_HOSTS):
                return [SANDBOX]
            case Kind.EVERYTHING:
                return [LINT, SANDBOX, *self._hosts.all, *map(role, self._roles.names), *self._tests()]
        return []

    def changed(self, path: str) -> Iterator[Node]:
        """Return what a file affects directly when its own text is another one."""
        yield from self._by_file(path)
        if not placed(path):
            yield EVERYTHING
        if not is_prose(path):
            yield LINT
            yield from map(file, self._reading.whole)

    def _by_file(self, path: str) -> Iterator[Node]:
        for pattern, rule in PLACES.items():
            if pattern.fullmatch(path):
                yield from rule(self, path)
        yield from map(file, {*self._code.users.get(path, ()), *self._reading.readers(path)})

    def _by_role(self, name: str) -> Iterator[Node]:
        yield from map(role, self._roles.dependents.get(name, ()))
        yield from map(file, self._roles.named.get(name, ()))
        yield from self._scenarios({name})
        yield from self._hosts.of_role.get(name, ())

    @cached_property
    def _code(self) -> Code:
        return Code(self.tree)

    @cached_property
    def _reading(self) -> Reading:
        return Reading(self.tree, self._code)

    def _scenarios(self, names: Iterable[str]) -> Iterator[Node]:
        known = self.tree.scenarios
        yield from (Node(Kind.SCENARIO, name) for name in names if name in known)

    def _tests(self) -> Iterator[Node]:
        """Yield all tests, but those of the sandbox."""
        yield from self._scenarios(self.tree.scenarios)
        yield from map(file, self.tree.unit_tests)

    def nothing(self, path: str) -> Iterable[Node]:
        """A file that only readers of its text look at, such as linters."""
        del path
        return ()

    def everything(self, path: str) -> Iterable[Node]:
        """What all runs take part in."""
        del path
        return (EVERYTHING,)

    def tests(self, path: str) -> Iterable[Node]:
        """Settings of all tests."""
        del path
        return (SANDBOX, *self._tests())

    def sandbox(self, path: str) -> Iterable[Node]:
        """A test of the sandbox as a whole, or what one uses."""
        del path
        return (SANDBOX,)

    def role(self, path: str) -> Iterable[Node]:
        """A file of a role."""
        return () if GENERATED.fullmatch(path) else (role(path.split("/")[1]),)

    def plugin(self, path: str) -> Iterator[Node]:
        """A module or plugin, or what modules import: roles, playbooks, inventories and tests on hosts name it."""
        yield from map(role, self._roles.users.get(path, ()))
        yield from map(file, self._roles.named.get(path, ()))
        if path.startswith(("library/", "action_plugins/")):
            word = re.compile(rf"\b{re.escape(PurePosixPath(path).stem)}\b")
            tests = self.tree.texts(self.tree.below("tests/testinfra", (".py",)))
            yield from (file(test) for test, text in tests if word.search(text))

    def always(self, path: str) -> Iterator[Node]:
        """A plugin that Ansible uses in each run, if ansible.cfg says so."""
        enabled = re.findall(r"\w+", " ".join(ENABLED.findall(self.tree.text("ansible.cfg"))))
        if PurePosixPath(path).stem in enabled:
            yield file("ansible.cfg")

    def scenario(self, path: str) -> Iterator[Node]:
        """A file of a scenario, or a playbook that others import."""
        _, name, *inside = path.split("/")
        yield from self._scenarios({name})
        for playbook, text in self.tree.texts(self.tree.below("molecule", (".yml",))):
            folder = PurePosixPath(playbook).parent
            if path in {_normal(folder / imported) for imported in IMPORTED.findall(text)}:
                yield file(playbook)
            if name == "shared" and inside[0] == "library" and PurePosixPath(path).stem in KEY.findall(text):
                yield file(playbook)
        if f"../{name}/{'/'.join(inside)}" in self.tree.text(CONFIGURATION):
            yield file(CONFIGURATION)

    def all_scenarios(self, path: str) -> Iterator[Node]:
        """What all scenarios take part in."""
        del path
        yield from self._scenarios(self.tree.scenarios)

    def host_test(self, path: str) -> Iterator[Node]:
        """A test of a role on hosts, or what such tests use; files of Python that they import have users."""
        _, _, name, *inside = path.split("/")
        shared = name in {"shared", "conftest.py"} or not (inside or name.endswith(".py"))
        yield from self._scenarios(self.tree.scenarios if shared else {name})

    def unit_test(self, path: str) -> Iterator[Node]:
        """A unit test; or what the unit tests of its folder use without naming it."""
        if path in self.tree.unit_tests:
            yield from map(part, unit_parts())
        elif path.endswith(("/conftest.py", "/__init__.py")) or not path.endswith(".py"):
            folder = path.rpartition("/")[0]
            yield from (file(test) for test in self.tree.unit_tests if test.startswith(f"{folder}/"))

    def own(self, path: str) -> Iterator[Node]:
        """A file of the command line: Python is imported by what uses it, all else is read by the package around it."""
        if not path.endswith(".py"):
            folders = (str(folder) for folder in PurePosixPath(path).parents)
            package = next((folder for folder in folders if f"{folder}/__init__.py" in self.tree.paths), None)
            yield from (file(each) for each in self.tree.python if each.rpartition("/")[0] == package)

    def site(self, path: str) -> Iterable[Node]:
        """The node definitions."""
        del path
        return self._hosts.all

    def inventory(self, path: str) -> Iterable[Node]:
        """A file of an inventory."""
        return self._hosts.reached(path)

    def vendored(self, path: str) -> Iterable[Node]:
        """What says where roles of other repositories come from."""
        return map(role, self._roles.vendored(path))

    def flat_file(self, path: str) -> Iterator[Node]:
        """A flat file: what reads it is affected, but not what else the reader's declaration affects."""
        for reader in flat.readers(self.tree, path):
            for pattern, rule in PLACES.items():
                if pattern.fullmatch(reader):
                    yield from rule(self, reader)


PLACES: dict[re.Pattern[str], Callable[[Places, str], Iterable[Node]]] = {
    re.compile(pattern): rule
    for pattern, rule in {
        PROSE.pattern: Places.nothing,
        r"benchmarks/.+|typings/.+|\.yamllint|\.ansible-lint(?:-ignore)?|\.gitignore": Places.nothing,
        r"tests/gate_faults/.+|findings/.+|\.secretsignore": Places.nothing,
        r"inventories/[^/]+": Places.nothing,
        r"ansible\.cfg|bin/strata|requirements\.(?:in|txt)|\.ci/.+": Places.everything,
        r"pyproject\.toml": Places.tests,
        r"(?:library|module_utils|(?:action|lookup|filter|test)_plugins)/.+": Places.plugin,
        r"(?:callback|vars)_plugins/.+": Places.always,
        r"roles/[^/]+/.+": Places.role,
        r"modules\.(?:env|lock)": Places.vendored,
        r"site\.yml|templates/.+": Places.site,
        r"inventories/[^/]+/recorded/.+": Places.nothing,
        r"inventories/[^/]+/.+": Places.inventory,
        r"project-config/.+": Places.flat_file,
        r"\.config/molecule/.+": Places.all_scenarios,
        r"molecule/[^/]+/.+": Places.scenario,
        r"tests/testinfra/.+": Places.host_test,
        r"tests/unit/.+": Places.unit_test,
        r"tests/sandbox/.+|\.gitreview": Places.sandbox,
        r"src/strata/.+": Places.own,
    }.items()
}


def placed(path: str) -> bool:
    """Return whether a rule says what a file affects."""
    return any(pattern.fullmatch(path) for pattern in PLACES)


def _normal(path: PurePosixPath) -> str:
    """Return a path without its `..`."""
    parts: list[str] = []
    for each in path.parts:
        if each == "..":
            parts.pop()
        else:
            parts.append(each)
    return "/".join(parts)
