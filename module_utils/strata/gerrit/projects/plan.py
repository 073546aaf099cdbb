"""Projects, ACLs and groups of a Gerrit server: what is to be done, from what is wanted and what is there (pure)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.gerrit.projects.declared import CONFIG, GROUPS, REF

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.gerrit.projects.declared import Wanted
    from ansible.module_utils.strata.gerrit.projects.host import Server

#: Groups that Gerrit has by itself and does not list (SystemGroupBackend.java), and their UUIDs.
SYSTEM_GROUPS = {
    "Anonymous Users": "global:Anonymous-Users",
    "Change Owner": "global:Change-Owner",
    "Project Owners": "global:Project-Owners",
    "Registered Users": "global:Registered-Users",
}

#: Without this capability in the root project, nobody could fix the server any more.
ADMINISTRATE = "administrateserver"

#: What nobody may do in a project that is locked. (Its refs/meta/config is never free to others.)
LOCKED = ("create", "createSignedTag", "createTag", "delete", "push", "read")

#: What stands in the project.config of a project to which nobody may push.
CLOSED = re.compile(r"\bstate\s*=[\"\s]*(read.only|hidden)", re.IGNORECASE)


@dataclass
class Plan:
    """What is to be done. `configs` are the projects whose refs/meta/config is to be pushed, also those to be made."""

    groups: list[str] = field(default_factory=list)
    made: list[Wanted] = field(default_factory=list)
    configs: list[Wanted] = field(default_factory=list)
    heads: list[Wanted] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    undeclared: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[str]:
        """Return what is to be done, in words."""
        made = {project.name for project in self.made}
        return [
            *(f"group {name} is made" for name in self.groups),
            *(f"project {project.name} is made" for project in self.made),
            *(f"project {project.name} gets its ACL" for project in self.configs if project.name not in made),
            *(f"project {project.name} gets {project.branch} as its default branch" for project in self.heads),
            *(f"project {name} is listed again" for name in self.unlisted),
        ]

    @property
    def touched(self) -> list[str]:
        """Return the names of the projects that something is to be done for."""
        return sorted({project.name for project in (*self.made, *self.configs, *self.heads)})


def plan(wanted: Iterable[Wanted], server: Server, external: Mapping[str, str], skip: Iterable[str] = ()) -> Plan:
    """Return what is to be done for the server to have what is wanted.

    Args:
        wanted: the projects.
        server: what is there.
        external: the UUIDs of groups that are not Gerrit's own, by name.
        skip: names of projects for which nothing is to be done.

    """
    wanted = list(wanted)
    found, known = Plan(), uuids(server.groups, external)
    names = {project.name for project in wanted} | server.listed | server.own
    missing: set[str] = set()
    left_out = set(skip)
    for project in wanted:
        if project.name in left_out:
            continue
        if problem := _problem(project, server, names, known):
            found.problems[project.name] = f"{project.acl}: {problem}"
            continue
        actual = server.projects.get(project.name)
        lacking = {group for group in project.needed if group not in known}
        missing |= lacking
        if actual is None:
            found.made.append(project)
        elif project.name not in server.listed:
            found.unlisted.append(project.name)
        if actual is None or lacking or files(project, known) != (actual.config, actual.groups):
            found.configs.append(project)
        if actual is not None and project.branch and actual.head != project.branch:
            found.heads.append(project)
    found.groups = sorted(missing)
    found.undeclared = sorted(server.listed - {project.name for project in wanted} - server.own)
    return found


def uuids(groups: Mapping[str, str], external: Mapping[str, str]) -> dict[str, str]:
    """Return the UUIDs of all groups that can be named; what Gerrit has goes first."""
    return {**external, **SYSTEM_GROUPS, **groups}


def files(project: Wanted, known: Mapping[str, str]) -> tuple[str, str | None]:
    """Return git's names of a project's two files as they shall be, None for one that shall not be there."""
    text = groups_file(project.groups, known)
    return blob(project.config), blob(text) if text else None


def _problem(project: Wanted, server: Server, names: set[str], known: Mapping[str, str]) -> str | None:
    """Return why a project cannot be configured on this server."""
    if project.name in server.listed and project.name not in server.projects:
        return f"{project.name} is in Gerrit's list, but its repository is not below gerrit.basePath"
    if project.parent is not None and project.parent not in names:
        return f"inheritFrom: neither the tree nor Gerrit has a project {project.parent}"
    for group in sorted(project.needed):
        if group in known:
            continue
        if "/" in group:
            return f"the group {group} is not Gerrit's own: give its UUID in external_groups"
        if group.startswith("-"):
            return f"Gerrit would take the group {group} for an option"
    if project.name == server.root and ADMINISTRATE not in project.config.lower():
        return f"without administrateServer in {project.name}, nobody could fix Gerrit: refused"
    return None


def groups_file(names: Iterable[str], known: Mapping[str, str]) -> str:
    """Return the text of the file `groups`, as Gerrit itself writes it (TabFile.java); "" for no groups."""
    rows = sorted((name, known[name]) for name in names)
    if not rows:
        return ""
    width = max(len("# UUID"), *(len(uuid) for _name, uuid in rows))
    lines = [f"{'# UUID':{width}}\tGroup Name", "#", *(f"{uuid:{width}}\t{name}" for name, uuid in rows)]
    return "".join(f"{line}\n" for line in lines)


def blob(text: str) -> str:
    """Return git's name of a file with this text."""
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - as git names it


def lock(administrators: str, uuid: str) -> dict[str, str]:
    """Return the texts of project.config and groups with which only administrators may do anything in a project.

    A block can't be lifted by what is inherited, only in the same section.
    """
    rules = [
        f"{name} = {rule}" for name in LOCKED for rule in ("block group Anonymous Users", f"group {administrators}")
    ]
    config = "".join(f"{line}\n" for line in ('[access "refs/*"]', *rules))
    known = {**SYSTEM_GROUPS, administrators: uuid}
    return {CONFIG: config, GROUPS: groups_file(("Anonymous Users", administrators), known)}


def admitting(config: str, groups: str, administrators: str, uuid: str) -> dict[str, str]:
    """Return a project's files with which administrators, too, may push to its refs/meta/config.

    A project that is read-only, to which nobody may push, is locked instead.
    """
    if CLOSED.search(config):
        return lock(administrators, uuid)
    row = "" if f"\t{administrators}\n" in groups else f"{uuid}\t{administrators}\n"
    return {CONFIG: f'{config.rstrip()}\n[access "{REF}"]\npush = group {administrators}\n', GROUPS: groups + row}


def diff(title: str, before: str, after: str) -> list[dict[str, Any]]:
    """Return a file's change for a person, nothing for none."""
    if before == after:
        return []
    return [{"before_header": title, "after_header": title, "before": before, "after": after}]
