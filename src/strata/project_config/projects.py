"""gerrit/projects.yaml: the projects with their lines, read by the parser in C, as there are thousands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from strata.errors import nearest
from strata.project_config.findings import Finding
from strata.project_config.refs import is_ref
from strata.project_config.tree import ACLS, PROJECTS, SUFFIX
from strata.project_config.upstream import refusal
from strata.repository import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import PurePosixPath

    from strata.repository.source import Source

#: Keys that Strata reads; those of FOREIGN are other programs', and carried along.
OWN = ("project", "description", "acl-config", "upstream", "groups", "options", "homepage", "default-branch")
FOREIGN = ("use-storyboard", "upstream-prefix", "docimpact-group", "launchpad", "cgit-alias", "source-branch")

NAME = re.compile(r"[^/]+(?:/[^/]+)*")
FORBIDDEN = re.compile(r'[\x00-\x20\x7f\\?%*:<>|$~"]|(?:^|/)[+.-]|\.git(?:/|$)|\.lock(?:/|$)')


@dataclass(frozen=True)
class Project:
    """A project as the file declares it; `lines` are those of its keys, `foreign` what only others read.

    One that is not `sound` has errors, and lacks what they are about.
    """

    name: str
    acl: PurePosixPath
    description: str = ""
    upstream: str | None = None
    default_branch: str | None = None
    homepage: str | None = None
    groups: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    foreign: Mapping[str, Any] = field(default_factory=dict)
    sound: bool = True
    line: int = field(default=1, compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass
class Projects:
    """What the file says: the projects that can be used, and what is wrong or unknown."""

    projects: list[Project] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def order(name: str) -> tuple[str, str]:
    """Return what projects are sorted by: their names without regard to case, as `LC_ALL=C sort -f` does."""
    return name.upper(), name


def compose(source: Source, text: str) -> tuple[yaml.Node | None, Any]:
    """Return a text's YAML as nodes, which know their lines, and as data. Raises BrokenFileError."""
    bounds.check(source, text, merge_keys=False)
    loader = bounds.LOADER(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context).partition("\n")[0]
        raise source.broken(mark.line + 1 if mark else 1, f"is not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise source.broken(1, f"is not valid YAML: {error}") from None


def read(source: Source, text: str) -> Projects:
    """Read the file's text. Raises BrokenFileError."""
    node, data = compose(source, text)
    found = Projects()
    if node is None or data is None:
        return found
    if not isinstance(data, list):
        raise source.broken(node.start_mark.line + 1, f"must be a list of projects, not {type(data).__name__}")
    for item, entry in zip(node.value, data, strict=True):
        if (project := Reader(item, entry, found.findings).project()) is not None:
            found.projects.append(project)
    found.findings += _order_findings(found.projects)
    return found


def acl_path(project: str, given: str | None) -> PurePosixPath:
    """Return the path of a project's ACL in the tree: what follows the folder `acls` of the path given.

    Raises:
        ValueError: the path leads elsewhere.

    """
    parts = [part for part in (f"{project}{SUFFIX}" if given is None else given).split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"{given} has .. in it: refused")
    if given is not None and "acls" in parts[:-1]:
        parts = parts[parts.index("acls") + 1 :]
    elif given is not None and given.startswith("/"):
        raise ValueError(f"{given} has no folder acls in it, and so no place below {ACLS}")
    if not parts or not parts[-1].endswith(SUFFIX) or re.search(r"[\x00-\x1f\x7f]", "".join(parts)):
        raise ValueError(f"{given} is not the path of a file that ends in {SUFFIX}")
    return ACLS.joinpath(*parts)


def one_line(text: str) -> str:
    """Return a text of several lines as one, and one of a single line as it is."""
    return " ".join(text.split()) if "\n" in text.strip() else text.strip()


def _order_findings(projects: list[Project]) -> Iterator[Finding]:
    seen: dict[str, Project] = {}
    for before, project in zip([None, *projects], projects, strict=False):
        if (first := seen.setdefault(project.name, project)) is not project:
            how = "twice" if first == project else "twice, and not with the same values"
            message = f"{project.name} is there {how}, first in line {first.line}"
            yield Finding(str(PROJECTS), project.line, message, form=first == project)
        elif before is not None and order(project.name) < order(before.name):
            message = f"{project.name} stands after {before.name}: projects are sorted"
            yield Finding(str(PROJECTS), project.line, message, form=True)


class Reader:
    """Reads one entry of the list."""

    def __init__(self, node: yaml.Node, data: Any, findings: list[Finding]) -> None:
        """Take an entry as node and as data, and the list that what is found goes to."""
        self.node = node
        self.data = data
        self.findings = findings
        self.line: int = node.start_mark.line + 1
        self.lines: dict[str, int] = {}
        self.name = ""
        self.sound = True

    def add(self, key: str | None, message: str, *, warning: bool = False, form: bool = False) -> None:
        """Add a finding at a key, or at the beginning of the entry."""
        line = self.lines.get(key or "", self.line)
        where = f"{self.name}: " if self.name else ""
        what = f"{key}: " if key else ""
        self.sound = self.sound and (warning or form)
        self.findings.append(Finding(str(PROJECTS), line, f"{where}{what}{message}", warning, form))

    def project(self) -> Project | None:
        """Return the project, None for one whose name is not usable."""
        if not isinstance(self.data, dict):
            self.add(None, f"a project is a mapping, which begins with `project:`, not {type(self.data).__name__}")
            return None
        self.name = name if isinstance(name := self.data.get("project"), str) else ""
        self.read_keys()
        if not self.name:
            self.add("project", "has no name" if name is None or name == "" else f"{name} is not a name")
            return None
        if problem := _name_problem(self.name):
            self.add(None, problem)
            return None
        given = self.text("acl-config")
        try:
            acl = acl_path(self.name, given)
        except ValueError as error:
            self.add("acl-config", str(error))
            return None
        project = Project(
            name=self.name,
            acl=acl,
            description=self.description(),
            upstream=self.checked("upstream", refusal),
            default_branch=self.checked("default-branch", _branch_problem),
            homepage=self.text("homepage"),
            groups=self.words("groups"),
            options=self.words("options"),
            foreign={str(key): value for key, value in self.data.items() if key not in OWN},
            line=self.line,
            lines=self.lines,
        )
        return project if self.sound else replace(project, sound=False)

    def read_keys(self) -> None:
        """Note the lines of the keys, and what the form of the entry and its keys leaves to wish."""
        column = self.node.start_mark.column
        if not self.node.flow_style and column != 2:  # noqa: PLR2004
            self.add(None, f"is indented by {column}: write `- project:` at the beginning of the line", form=True)
        for key, value in self.node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            doubled = name in self.lines
            self.lines[name] = line
            if doubled:
                self.add(name, "is given twice")
            if name not in OWN and name not in FOREIGN:
                self.add(name, f"is unknown, and only carried along{nearest(name, OWN + FOREIGN)}", warning=True)
            mark = value.start_mark
            # One that begins beside its key has an anchor, which the mark is of.
            block = isinstance(value, yaml.SequenceNode) and not value.flow_style and mark.line >= line
            if block and mark.column != column + 2:
                self.add(name, f"its list is indented by {mark.column}, not by {column + 2}", form=True)

    def text(self, key: str) -> str | None:
        """Return a key's text, None for an absent one."""
        value = self.data.get(key)
        if value is None or isinstance(value, str):
            return value
        self.add(key, f"must be a text, not {type(value).__name__}: put it in quotes")
        return None

    def checked(self, key: str, problem: Callable[[str], str | None]) -> str | None:
        """Return a key's text if there is no problem with it."""
        value = self.text(key)
        if value is not None and (message := problem(value)) is not None:
            self.add(key, message)
            return None
        return value

    def description(self) -> str:
        """Return the description as one line."""
        value = (self.text("description") or "").strip()
        if "\n" in value:
            self.add("description", "has more than one line", form=True)
        elif re.search(r"[\x00-\x1f\x7f]", value):
            self.add("description", "has control characters in it")
        return one_line(value)

    def words(self, key: str) -> tuple[str, ...]:
        """Return a key's list of words."""
        value = self.data.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            self.add(key, "must be a list of names")
            return ()
        for double in sorted({each for each in value if value.count(each) > 1}):
            self.add(key, f"{double} is there twice", form=True)
        return tuple(dict.fromkeys(value))


def _name_problem(name: str) -> str | None:
    if not NAME.fullmatch(name) or FORBIDDEN.search(name):
        return f"{name!r} is not the name of a project: folders and a name, without what Gerrit or git refuse in them"
    return None


def _branch_problem(name: str) -> str | None:
    branch = name.removeprefix("refs/heads/")
    return (
        None if is_ref(f"refs/heads/{branch}") and not branch.startswith("-") else f"{name} is not the name of a branch"
    )
