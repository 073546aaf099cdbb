"""A whole tree: its projects, its ACLs, and all that is wrong or unknown in them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.errors import nearest
from strata.project_config import acl_form, acl_rules, gerrit
from strata.project_config.acl import Acl, AclSyntaxError, parse
from strata.project_config.findings import Finding
from strata.project_config.projects import Project, acl_path, read
from strata.project_config.tree import ACLS, PROJECTS, SUFFIX, Tree
from strata.repository.source import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

MAX_NEAREST = 10


@dataclass
class Read:
    """What a tree says: projects, and ACLs by path with their texts; of what is broken, only the findings."""

    projects: list[Project] = field(default_factory=list)
    acls: dict[PurePosixPath, Acl] = field(default_factory=dict)
    texts: dict[PurePosixPath, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def indent(self) -> str:
        """Return what the ACLs' entries are indented by."""
        return acl_form.indent(self.acls.values())

    @property
    def errors(self) -> list[Finding]:
        """Return the findings that are not warnings."""
        return [finding for finding in self.findings if not finding.warning]


def load(tree: Tree) -> Read:
    """Read and check a tree; findings are sorted."""
    found = Read()
    try:
        declared = read(tree.source(PROJECTS), tree.read(PROJECTS))
        found.projects = declared.projects
        found.findings += declared.findings
    except BrokenFileError as error:
        found.findings.append(_finding(error))
    present = list(tree.acl_files())
    for path in sorted({*present, *(p.acl for p in found.projects if tree.exists(p.acl))}):
        found.findings += _load_acl(tree, path, found)
    indent = found.indent
    for path, acl in found.acls.items():
        found.findings += acl_form.findings(str(path), found.texts[path], acl, indent)
        found.findings += acl_rules.findings(str(path), acl)
    if found.projects:
        found.findings += _unmatched(tree, found, present)
        found.findings += _odd_groups(found)
    found.findings += _odd_labels(found)
    found.findings += _unknown_labels(found)
    found.findings += _unmade_groups(found)
    found.findings = sorted(set(found.findings))
    return found


def _finding(error: BrokenFileError) -> Finding:
    return Finding(error.violation.path, error.violation.line, error.violation.message)


def _load_acl(tree: Tree, path: PurePosixPath, found: Read) -> Iterator[Finding]:
    if path.suffix != SUFFIX:
        if tree.leaves(path):
            yield Finding(str(path), 1, "is a link that leaves the tree: refused")
        elif not tree.source(path).path.is_dir():
            yield Finding(str(path), 1, f"is not an ACL, as its name does not end in {SUFFIX}", warning=True)
        return
    try:
        text = tree.read(path)
        found.acls[path] = parse(acl_form.clean(text))
        found.texts[path] = text
    except BrokenFileError as error:
        yield _finding(error)
    except AclSyntaxError as error:
        yield Finding(str(path), error.line, str(error))


def _unmatched(tree: Tree, found: Read, present: list[PurePosixPath]) -> Iterator[Finding]:
    """Yield the projects without an ACL, and the ACLs without a project."""
    missing = [project for project in found.projects if not tree.exists(project.acl)]
    # To look for the nearest of thousands of names takes its time: where many are missing, that is not why.
    names = [str(path) for path in present] if len(missing) <= MAX_NEAREST else []
    for project in missing:
        line = project.lines.get("acl-config", project.line)
        yield Finding(
            str(PROJECTS), line, f"{project.name}: there is no {project.acl}{nearest(str(project.acl), names)}"
        )
    used = {project.acl for project in found.projects}
    for path in present:
        if path.suffix == SUFFIX and path not in used:
            yield Finding(str(path), 1, "is the ACL of no project", warning=True)


def _odd_labels(found: Read) -> Iterator[Finding]:
    """Warn of votes on labels that no ACL defines and Gerrit does not have."""
    known = gerrit.COMMON_LABELS.union(*map(acl_rules.labels, found.acls.values()))
    for path, acl in found.acls.items():
        for label, entry in acl_rules.voted(acl):
            if label not in known:
                message = f"{entry.key}: no ACL defines the label {label}{nearest(label, known)}"
                yield Finding(str(path), entry.line, message, warning=True)


def _unknown_labels(found: Read) -> Iterator[Finding]:
    """Yield the labels and votes that submit requirements ask for, and that nobody can ever give."""
    paths = {gerrit.ROOT: acl_path(gerrit.ROOT, None), **{project.name: project.acl for project in found.projects}}
    for path, acl in found.acls.items():
        for label, vote, entry in acl_rules.required(acl):
            defined, missing = _inherited_labels(found, path, paths)
            values = next((defined[name] for name in defined if name.lower() == label.lower()), None)
            if values is None:
                hint = nearest(label, defined) or f': define it in [label "{label}"]'
                above = f", nor is the ACL of {missing} in this tree" if missing != gerrit.ROOT and missing else ""
                message = (
                    f"{entry.key}: no ACL that holds here defines the label {label}{above}, and nobody can vote on it"
                )
                yield Finding(str(path), entry.line, f"{message}{hint}", warning=bool(above))
            elif vote is not None and values and not min(values) <= vote <= max(values):
                message = f"{entry.key}: {label} has votes from {min(values):+} to {max(values):+}, and never {vote:+}"
                yield Finding(str(path), entry.line, message)


def _inherited_labels(
    found: Read, path: PurePosixPath | None, paths: dict[str, PurePosixPath]
) -> tuple[dict[str, list[int]], str]:
    """Return the labels of an ACL and those above it with their values, and the first project above that is unknown."""
    defined: dict[str, list[int]] = {}
    seen: set[PurePosixPath] = set()
    name = ""
    while path and path in found.acls and path not in seen:
        seen.add(path)
        defined = {**acl_rules.labels(found.acls[path]), **defined}
        given = found.acls[path].values("access", None, "inheritFrom")
        name = (given or [""])[-1] or gerrit.ROOT
        path = paths.get(name)
    return (defined, "") if path in seen else ({**{label: [] for label in gerrit.COMMON_LABELS}, **defined}, name)


def _odd_groups(found: Read) -> Iterator[Finding]:
    """Warn of groups of one ACL that are named like no project or folder; others and Gerrit's own have any name."""
    users: dict[str, list[tuple[PurePosixPath, int]]] = defaultdict(list)
    for path, acl in found.acls.items():
        for group, line in acl_rules.groups(acl).items():
            users[group].append((path, line))
    stems = {stem for project in found.projects for stem in _stems(project.name)}
    stems |= {stem for path in found.acls for stem in _stems(str(path.relative_to(ACLS).with_suffix("")))}
    for group, places in users.items():
        if len(places) > 1 or group in gerrit.COMMON_GROUPS or not re.fullmatch(r"[a-z0-9._-]+", group):
            continue
        words = re.split(r"[-_.]", group)
        if not stems & {"".join(words[:count]) for count in range(1, len(words))}:
            (path, line), *_ = places
            yield Finding(str(path), line, f"the group {group} is named like no project", warning=True)


def _unmade_groups(found: Read) -> Iterator[Finding]:
    """Warn of groups that nobody makes: those that no ACL lets do anything, and those that are not Gerrit's own."""
    named = {group for acl in found.acls.values() for group in acl_rules.groups(acl)} | gerrit.COMMON_GROUPS
    for path, acl in found.acls.items():
        for group, line in acl_rules.groups(acl).items():
            if "/" in group:
                message = (
                    f"the group {group} is not Gerrit's own, and is not made: it needs its UUID in external_groups"
                )
                yield Finding(str(path), line, message, warning=True)
        for group, entry in acl_rules.asked_groups(acl):
            if group not in named:
                does = "copies no vote by this" if entry.key.lower() == "copycondition" else "refuses this ACL"
                message = (
                    f"{entry.key}: no rule of an ACL names the group {group}, so it is not made, and a Gerrit without"
                )
                yield Finding(str(path), entry.line, f"{message} it {does}{nearest(group, named)}", warning=True)


def _stems(name: str) -> Iterator[str]:
    """Yield what the names of a project's groups may begin with: folder, name, or both; marks don't matter."""
    folders, _slash, last = name.lower().rpartition("/")
    for stem in (folders, last, folders + last):
        yield re.sub(r"[-_./]", "", stem)
