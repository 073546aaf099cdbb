"""The roles of the repository as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata.repository.source import Source, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BARE_NAME = re.compile(r"[a-z][a-z0-9_]*")
COLLECTED = re.compile(
    r"""\b(?:lookup|query|q)\(\s*['"](?:ansible\.builtin\.)?contributions['"]((?:\s*,\s*['"]\w+['"])+)""",
)
TAKEN_AWAY = "When the role is taken away:"
UNKNOWN = "unknown"
TAG = "refs/tags/"
NOTE = "meta/.galaxy_install_info"  # of `ansible-galaxy role install`


@dataclass(frozen=True)
class Option:
    """A parameter of a role, or a key of one, as meta/argument_specs.yml has it."""

    name: str
    spec: Mapping[str, Any]
    line: int
    suboptions: Mapping[str, Option]

    @property
    def description(self) -> str:
        """Return the description as one line."""
        return " ".join(paragraphs(self.spec.get("description")))

    @property
    def secret(self) -> bool:
        """Return whether the option or a key of it is marked no_log."""
        return bool(self.spec.get("no_log")) or any(option.secret for option in self.suboptions.values())


@dataclass(frozen=True)
class Role:
    """A role in `root`/`folder`; its files are read when asked for, and raise BrokenFileError."""

    root: Path
    name: str
    folder: str = "roles"

    @property
    def path(self) -> Path:
        """Return the role's folder."""
        return self.root / self.folder / self.name

    @property
    def layer(self) -> str:
        """Return "project", "ci" or "service"."""
        prefix = self.name.partition("_")[0]
        return prefix if prefix in {"project", "ci"} and "_" in self.name else "service"

    def source(self, path: str) -> Source:
        """Return one of the role's files, whether it exists or not."""
        return Source(self.root, self.path / path)

    def sources(self, folder: str, pattern: str = "*") -> list[Source]:
        """Return the files of one of the role's folders, sorted."""
        return [Source(self.root, path) for path in sorted((self.path / folder).rglob(pattern)) if path.is_file()]

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        """Return meta/main.yml."""
        return self.source("meta/main.yml").mapping()

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Return what meta/main.yml says of the role for Ansible Galaxy."""
        return self.source("meta/main.yml").section(self.meta.get("galaxy_info"), "galaxy_info", line(self.meta))

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """Return meta/strata.yml: the role's version, which versions of others it requires, and an example."""
        return self.source("meta/strata.yml").mapping()

    @property
    def full_name(self) -> str:
        """Return the name of the role's metadata, which tells roles that are called the same apart."""
        name = str(self.about.get("role_name") or self.name)
        return f"{self.about['namespace']}.{name}" if self.about.get("namespace") else name

    @property
    def version(self) -> str:
        """Return the role's version: its own, or that which it was brought here in, or "unknown"."""
        noted = self.source(NOTE).mapping().get("version")
        return str(self.metadata.get("version") or noted or self._tag or UNKNOWN)

    @cached_property
    def _tag(self) -> str | None:
        """The tag of a role of vendor/roles that modules.lock names, if that is what the role's link leads to."""
        lock = Source(self.root, self.root / "modules.lock") if self.folder == "vendor/roles" else None
        for entry in lock.text().splitlines() if lock else ():
            name, sha, ref = [*entry.split(" "), "", ""][:3]
            here = not self.path.is_symlink() or sha[:12] in str(self.path.readlink())
            if name == self.name and here and ref.startswith(TAG):
                return ref.removeprefix(TAG)
        return None

    @property
    def requires(self) -> Mapping[str, Any]:
        """Return which versions of other roles the role requires, by their names."""
        source = self.source("meta/strata.yml")
        return source.section(self.metadata.get("requires"), "requires", line(self.metadata, "requires"))

    @property
    def example(self) -> Mapping[str, Any]:
        """Return variables as an inventory may set them."""
        source = self.source("meta/strata.yml")
        return source.section(self.metadata.get("example"), "example", line(self.metadata, "example"))

    @property
    def platforms(self) -> list[str]:
        """Return the systems that the role is for, each with its releases."""
        source = self.source("meta/main.yml")
        entries = source.items(self.about.get("platforms"), "platforms", line(self.about, "platforms"))
        platforms = [source.section(entry, "a platform", line(entries, at)) for at, entry in enumerate(entries)]
        return [" ".join(map(str, [each.get("name"), *(each.get("versions") or [])])) for each in platforms]

    @cached_property
    def dependencies(self) -> list[Any]:
        """Return the dependencies as written: bare names, if the rules hold."""
        source = self.source("meta/main.yml")
        return source.items(self.meta.get("dependencies"), "dependencies", line(self.meta, "dependencies"))

    @property
    def dependency_names(self) -> list[str]:
        """Return the names of the dependencies; roles of other repositories may give them as `role:` or `name:`."""
        entries = (e.get("role") or e.get("name") if isinstance(e, dict) else e for e in self.dependencies)
        return [entry for entry in entries if isinstance(entry, str)]

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Return defaults/main.yml; `line(role.defaults, name)` is where a variable stands."""
        return self.source("defaults/main.yml").mapping()

    @cached_property
    def vars(self) -> Mapping[str, Any]:
        """Return vars/main.yml; `line(role.vars, name)` is where a variable stands."""
        return self.source("vars/main.yml").mapping()

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """Return the entry point `main` of meta/argument_specs.yml."""
        source = self.source("meta/argument_specs.yml")
        specs = source.section(source.mapping().get("argument_specs"), "argument_specs")
        return source.section(specs.get("main"), "argument_specs.main", line(specs))

    @property
    def description(self) -> list[str]:
        """Return the paragraphs of the role's description."""
        return paragraphs(self.spec.get("description"))

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """Return the role's parameters by name."""
        return dict(self._options(self.spec, "options"))

    @property
    def contributions(self) -> Mapping[str, str]:
        """Return the variables of the defaults that contribute to a collector, each with the parameter it adds to."""
        prefix = f"{self.name}__"
        return {name: name.removeprefix(prefix) for name in self.defaults if name.startswith(prefix)}

    @cached_property
    def collects(self) -> frozenset[str]:
        """Return the parameters that the role reads through the lookup `contributions`."""
        folders = ("tasks", "handlers", "templates", "vars", "defaults")
        texts = (source.text() for folder in folders for source in self.sources(folder))
        return frozenset(
            name for text in texts for terms in COLLECTED.findall(text) for name in re.findall(r"\w+", terms)
        )

    def _options(self, owner: Mapping[str, Any], what: str) -> Iterator[tuple[str, Option]]:
        source = self.source("meta/argument_specs.yml")
        options = source.section(owner.get("options"), what, line(owner, "options"))
        for name in options:
            at = line(options, name)
            spec = source.section(options[name], f"option {name}", at)
            yield name, Option(name, spec, at, dict(self._options(spec, f"options of {name}")))


def paragraphs(description: Any) -> list[str]:
    """Return a description, written as a string or as a list of paragraphs, as a list of paragraphs."""
    if description is None:
        return []
    texts = description if isinstance(description, list) else [description]
    return [" ".join(str(text).split()) for text in texts]


def load_roles(root: Path, folder: str = "roles") -> dict[str, Role]:
    """Return the roles of a folder of the repository by name."""
    paths = (path for path in sorted((root / folder).glob("[!.]*")) if path.is_dir())
    return {path.name: Role(root, path.name, folder) for path in paths}


def closure(names: list[str], roles: Mapping[str, Role]) -> list[str]:
    """Return `names` and all that they depend on, each once, dependencies first: the order in which they run."""
    order: dict[str, None] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        if name in roles and name not in entered:
            entered.add(name)
            for dependency in roles[name].dependency_names:
                enter(dependency)
            order[name] = None

    for name in names:
        enter(name)
    return list(order)
