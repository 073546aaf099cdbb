"""What a Gerrit server shall have, by a tree: for each project the text of its project.config, and what that needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.project_config import acl_form, acl_rules
from strata.project_config.tree import PROJECTS

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from strata.project_config.acl import Acl
    from strata.project_config.check import Read
    from strata.project_config.findings import Finding
    from strata.project_config.projects import Project

#: What a value of git's configuration must have in quotes.
QUOTED = re.compile(r'^\s|\s$|["\\#;]')


@dataclass(frozen=True)
class Wanted:
    """A project as a server shall have it.

    `config` is the text of project.config, `groups` are those that its rules name, `asked` those that its expressions
    name and a rule of the tree does, `parent` is None for the server's root.
    `acl` is the file that it comes from, for messages.
    """

    name: str
    config: str
    groups: tuple[str, ...]
    parent: str | None
    acl: str
    upstream: str | None = None
    branch: str | None = None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desired:
    """All projects that can be made, and by name why others can't; `errors` are why none is to be touched."""

    projects: list[Wanted]
    problems: dict[str, str]
    errors: list[Finding]


def desired(found: Read) -> Desired:
    """Return what a tree says; what is only not in form does no harm here, as it is put in form."""
    wrong = [finding for finding in found.errors if not finding.form]
    broken: dict[str, Finding] = {}
    for finding in wrong:
        broken.setdefault(finding.path, finding)
    texts: dict[PurePosixPath, str] = {}
    named = {group for acl in found.acls.values() for group in acl_rules.groups(acl)}
    projects: dict[str, Wanted] = {}
    problems: dict[str, str] = {}
    for project in found.projects:
        if (reason := broken.get(str(project.acl))) is not None:
            problems[project.name] = str(reason)
        elif (acl := found.acls.get(project.acl)) is not None:
            text = texts.setdefault(project.acl, acl_form.fixed(acl.render()))
            projects[project.name] = _wanted(project, acl, text, named)
    for name in _in_circles(projects):
        problems[name] = f"{projects.pop(name).acl}: inheritFrom leads back to {name} itself"
    errors = [finding for finding in wrong if finding.path == str(PROJECTS)]
    return Desired(list(projects.values()), problems, errors)


def _wanted(project: Project, acl: Acl, text: str, named: set[str]) -> Wanted:
    parents = [parent for parent in acl.values("access", None, "inheritFrom") if parent]
    return Wanted(
        name=project.name,
        config=text if acl.values("project", None, "description") else _described(text, project.description),
        groups=tuple(sorted(acl_rules.groups(acl))),
        parent=parents[-1] if parents else None,
        acl=str(project.acl),
        upstream=project.upstream,
        branch=None if project.default_branch is None else project.default_branch.removeprefix("refs/heads/"),
        asked=tuple(sorted({group for group, _entry in acl_rules.asked_groups(acl)} & named)),
    )


def _described(text: str, description: str) -> str:
    """Return the text with a description, which is one line."""
    if not description:
        return text
    value = description
    if QUOTED.search(value):
        value = '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    return acl_form.fixed(f"{text}\n[project]\ndescription = {value}\n")


def _in_circles(projects: dict[str, Wanted]) -> list[str]:
    """Return the projects that are above themselves."""
    return [name for name in projects if name in _above(projects, name)]


def _above(projects: dict[str, Wanted], name: str) -> set[str]:
    found: set[str] = set()
    parent = projects[name].parent
    while parent is not None and parent not in found:
        found.add(parent)
        parent = projects[parent].parent if parent in projects else None
    return found
