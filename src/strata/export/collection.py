"""Roles as a collection, in which all names are fully qualified, built by ansible-galaxy."""

from __future__ import annotations

import keyword
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from strata.errors import StrataError, UsageError
from strata.export.folders import copy_role
from strata.export.needs import needed, with_dependencies
from strata.export.references import FOLDERS, TEMPLATED, Qualifier
from strata.paths import BIN
from strata.repository import readme as roledoc
from strata.repository.checkout import Repository
from strata.repository.roles import BARE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strata.repository.roles import Role

NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
README = """\
# {collection}

Roles of Strata. A play names them, and `preflight`, with the name of the collection:

{example}

## Roles

{roles}
"""


def build(root: Path, collection: str, names: Iterable[str], folder: Path) -> Path:
    """Build a collection of roles of the checkout at `root` and those that they depend on; return its file in `folder`.

    Without `names`, all roles but project roles are in it.

    Raises:
        UsageError: there is no such role, or `collection` is not the name of a collection.
        StrataError: a role cannot be in a collection, or the file is there already or cannot be written.

    """
    if not NAME.fullmatch(collection) or any(map(keyword.iskeyword, collection.split("."))):
        raise UsageError(f"{collection!r} is not the name of a collection: it must be NAMESPACE.NAME, in small letters")
    repository = Repository(root)
    names = list(names) or [role.name for role in repository.roles.values() if role.layer != "project"]
    roles = with_dependencies(repository, names)
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    file = folder / f"{collection.replace('.', '-')}-{version}.tar.gz"
    if file.exists():
        raise StrataError(f"{file} is there already: remove it, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as tree:
            write(root, collection, version, roles, Path(tree))
            _pack(Path(tree), file)
    except OSError as error:
        raise StrataError(f"the collection cannot be written: {error}") from None
    return file


def write(root: Path, collection: str, version: str, roles: list[Role], tree: Path) -> None:
    """Write the sources of a collection of these roles into the empty folder `tree`. Raises StrataError."""
    files = needed(root, roles)
    plugins = {folder: frozenset(path.stem for path in files if path.parts[0] == folder) for folder in FOLDERS}
    qualifier = Qualifier(collection, plugins, frozenset(role.name for role in roles))
    _write_about(root, collection, version, roles, tree)
    for path in files:
        target = tree / "plugins" / FOLDERS[path.parts[0]] / Path(*path.parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(qualifier.python((root / path).read_text(encoding="utf-8")), encoding="utf-8")
    (tree / "roles").mkdir()
    for role in roles:
        _write_role(role, qualifier, tree / "roles")


def _write_about(root: Path, collection: str, version: str, roles: list[Role], tree: Path) -> None:
    namespace, _, name = collection.partition(".")
    about = {
        "namespace": namespace,
        "name": name,
        "version": version,
        "readme": "README.md",
        "authors": ["Strata contributors"],
        "description": "Roles of Strata",
        "license": ["Apache-2.0"],
        "dependencies": {},
    }
    (tree / "galaxy.yml").write_text(yaml.safe_dump(about, sort_keys=False))
    (tree / "meta").mkdir()
    (tree / "meta" / "runtime.yml").write_text('---\nrequires_ansible: ">=2.19.0"\n')
    shutil.copyfile(root / "LICENSE", tree / "LICENSE")
    bullets = [f"- [{role.name}](roles/{role.name}/README.md) {role.version}" for role in roles]
    example = roledoc.example(roles[-1].name, collection)
    (tree / "README.md").write_text(
        README.format(collection=collection, example=example, roles="\n".join(sorted(bullets)))
    )


def _write_role(role: Role, qualifier: Qualifier, folder: Path) -> None:
    inside = [name for name in (*FOLDERS, "callback_plugins") if (role.path / name).is_dir()]
    if inside:
        raise StrataError(f"{role.name} cannot be in a collection: roles there have no folder {inside[0]} of their own")
    if not BARE_NAME.fullmatch(role.name):
        raise StrataError(f"{role.name} cannot be in a collection: its name must be small letters, digits and _")
    target = copy_role(role, folder)
    rewritten = qualifier.tasks(role)
    if role.dependencies:
        rewritten["meta/main.yml"] = qualifier.dependencies(role)
    for name, text in rewritten.items():
        (target / name).write_text(text, encoding="utf-8")
    for path in (path for part in TEMPLATED for path in sorted((target / part).rglob("*")) if path.is_file()):
        path.write_text(qualifier.jinja(path.read_text(encoding="utf-8")), encoding="utf-8")
    readme = target / roledoc.README
    if readme.is_file():
        ours, theirs = roledoc.example(role.name), roledoc.example(role.name, qualifier.collection)
        readme.write_text(readme.read_text(encoding="utf-8").replace(ours, theirs), encoding="utf-8")


def _pack(tree: Path, file: Path) -> None:
    with TemporaryDirectory(dir=file.parent, prefix=".export-") as new:
        command = [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", new, str(tree)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StrataError(f"ansible-galaxy cannot build the collection: {' '.join(done.stderr.split())}")
        (Path(new) / file.name).rename(file)
