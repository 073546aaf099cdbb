"""Rules for the files that every role has, and for those that none may have."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from strata.repository import bounds, readme
from strata.repository.source import BrokenFileError, Source, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.repository.checkout import Repository

MAX_LINES = 400
NOT_OURS = {".git", ".strata"}
SHARED_PLAY = "molecule/shared/converge.yml"
SHADOWABLE = ("modules", "plugins/action", "plugins/lookup", "plugins/filter", "plugins/test", "plugins/callback")
TEST = re.compile(r"^\s*def test_", re.MULTILINE)


def yaml_is_bounded(repository: Repository) -> Iterator[Violation]:
    """No YAML file stands for much more than is written there, so that all others may read it."""
    for parent, folders, names in os.walk(repository.root):
        folders[:] = sorted(set(folders) - NOT_OURS)
        for name in sorted(names):
            path = Path(parent, name)
            if name.endswith((".yml", ".yaml")) and path.is_file():
                source = Source(repository.root, path)
                try:
                    with suppress(yaml.YAMLError, ValueError):  # other rules tell what is not valid
                        bounds.count(source, source.text())
                except BrokenFileError as error:
                    yield error.violation


def files_are_readable(repository: Repository) -> Iterator[Violation]:
    """Every YAML file of a role can be read, ends in .yml, and stands where the other rules see it."""
    for role in repository.roles.values():
        for source in role.sources("."):
            folder = source.path.relative_to(role.path).parts[0]
            if folder not in {"defaults", "handlers", "meta", "tasks", "vars"}:
                continue
            if source.path.suffix != ".yml":
                yield source.violation(1, f"files in {folder}/ end in .yml")
            elif folder in {"defaults", "vars"} and source.path != role.path / folder / "main.yml":
                yield source.violation(1, f"the only file in {folder}/ is main.yml")
            try:
                source.load()
            except BrokenFileError as error:
                yield error.violation


def roles_have_a_scenario(repository: Repository) -> Iterator[Violation]:
    """Every role has its molecule scenario, with a budget of remote calls, and the shared play or one that it names."""
    for name in repository.roles:
        for file in ("molecule.yml", "budget"):
            source = repository.source(f"molecule/{name}/{file}")
            if not source.path.is_file():
                yield source.violation(1, f"the scenario of {name} has no {file}")
            elif file == "budget" and not re.fullmatch(r"\d+\n?", source.text()):
                yield source.violation(1, "the budget is one integer: the remote calls of a run with nothing to do")
        play = repository.source(f"molecule/{name}/converge.yml")
        scenario = repository.source(f"molecule/{name}/molecule.yml").mapping()
        named = ((scenario.get("provisioner") or {}).get("playbooks") or {}).get("converge")
        if play.path.is_file() and named != play.path.name:
            yield play.violation(1, f"is never run: molecule.yml does not name it; without it, {SHARED_PLAY} runs")
    if not repository.source(SHARED_PLAY).path.is_file():
        yield repository.source(SHARED_PLAY).violation(1, "is missing: scenarios without a play of their own run it")


def roles_have_tests(repository: Repository) -> Iterator[Violation]:
    """Every role has at least one test of the real service."""
    for name in repository.roles:
        folder = f"tests/testinfra/{name}"
        files = sorted((repository.root / folder).glob("test_*.py"))
        if not any(TEST.search(Source(repository.root, path).text()) for path in files):
            yield repository.source(folder).violation(1, f"{name} has no test: no `def test_` in test_*.py")


def generated_pages_are_current(repository: Repository) -> Iterator[Violation]:
    """Every generated page, a role's README or the one about contributions, is what the roles' files generate."""
    for path, text in readme.pages(repository.root, repository.roles).items():
        source = Source(repository.root, path)
        if not path.is_file():
            yield source.violation(1, "is missing: bin/strata lint --fix writes it")
        elif source.text() != text:
            yield source.violation(1, "is not what the roles' files say: bin/strata lint --fix writes it anew")


def plugins_shadow_no_builtin(repository: Repository) -> Iterator[Violation]:
    """No module or plugin carries the name of one of ansible-core's, which it would replace in every role."""
    builtin = builtin_names()
    for path in _plugins(repository.root):
        if path.stem in builtin:
            source = Source(repository.root, path)
            yield source.violation(1, f"{path.stem} is the name of one of ansible-core's modules or plugins")


def modules_are_small(repository: Repository) -> Iterator[Violation]:
    """Modules have at most 400 lines: shared code goes to module_utils."""
    for path in sorted((repository.root / "library").glob("*.py")):
        source = Source(repository.root, path)
        count = len(source.text().splitlines())
        if count > MAX_LINES:
            message = f"the module has {count} lines, more than {MAX_LINES}: move code to module_utils"
            yield source.violation(MAX_LINES + 1, message)


def _plugins(root: Path) -> Iterator[Path]:
    folders = ("library", "*_plugins", "roles/*/library", "roles/*/*_plugins")
    return chain.from_iterable(sorted(root.glob(f"{folder}/*.py")) for folder in folders)


def builtin_names() -> set[str]:
    """Return the names of ansible-core's modules and plugins. Raises ModuleNotFoundError."""
    package = find_spec("ansible")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("ansible-core is not installed")
    folder = Path(package.origin).parent
    files = chain.from_iterable((folder / kind).iterdir() for kind in SHADOWABLE)
    return {path.stem for path in files if path.suffix in {".py", ".yml"}} - {"__init__"}
