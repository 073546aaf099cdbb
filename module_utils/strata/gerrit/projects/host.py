"""What a Gerrit has: what it lists, and what its repositories say, which are read on disk."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata.gerrit.projects.declared import CONFIG, GROUPS, ROOT_PROJECT
from ansible.module_utils.strata.gerrit.projects.site import OBJECT, beside, head, read_tip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible.module_utils.strata.gerrit.projects.declared import Wanted
    from ansible.module_utils.strata.gerrit.projects.site import Site
    from ansible.module_utils.strata.gerrit.projects.ssh import Gerrit

#: So many repositories are read by one process of git: all would be slow, as it looks for an object in one by one.
TOGETHER = 50


@dataclass(frozen=True)
class Actual:
    """A project's repository: the commit of refs/meta/config, git's names of the two files in it, and HEAD's branch."""

    tip: str | None = None
    config: str | None = None
    groups: str | None = None
    head: str = ""


@dataclass(frozen=True)
class Server:
    """What a server has: what it lists, the repositories of wanted projects, and the UUIDs of groups by name."""

    listed: frozenset[str] = frozenset()
    projects: Mapping[str, Actual] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset({ROOT_PROJECT, "All-Users"})
    root: str = ROOT_PROJECT


def read_server(site: Site, gerrit: Gerrit, wanted: Sequence[Wanted]) -> Server:
    """Return what Gerrit has. Raises ProjectsError."""
    return Server(
        listed=frozenset(gerrit.ask("gerrit", "ls-projects", "--all").splitlines()),
        projects=read_projects(site, [project.name for project in wanted]),
        groups=read_groups(gerrit.ask("gerrit", "ls-groups", "-v")),
        own=frozenset({site.root_project, site.users_project}),
        root=site.root_project,
    )


def read_disk(site: Site, wanted: Sequence[Wanted]) -> Server:
    """Return what Gerrit has as far as its repositories tell. Raises ProjectsError."""
    projects = read_projects(site, [site.root_project, *(project.name for project in wanted)])
    groups: dict[str, str] = {}
    for _config, text in read_texts(site, projects).values():
        rows = [line.split("\t") for line in text.splitlines() if "\t" in line and not line.startswith("#")]
        groups |= {row[1].strip(): row[0].strip() for row in rows}
    own = frozenset({site.root_project, site.users_project})
    return Server(frozenset(projects), projects, groups, own, site.root_project)


def read_groups(listing: str) -> dict[str, str]:
    """Return names and UUIDs of what `gerrit ls-groups -v` says."""
    rows = [line.split("\t") for line in listing.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1}


def read_projects(site: Site, names: Iterable[str]) -> dict[str, Actual]:
    """Return what the repositories of these projects have, of those that are there. Raises ProjectsError."""
    names = [name for name in names if os.path.exists(os.path.join(site.repository(name), "HEAD"))]
    tips = {name: read_tip(site, name) for name in names}
    known = [name for name in names if tips[name]]
    parts = [known[at : at + TOGETHER] for at in range(0, len(known), TOGETHER)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = [found for part in pool.map(lambda part: _files(site, part, tips), parts) for found in part]
    files = dict(zip(known, read, strict=True))
    return {name: Actual(tips[name], *files.get(name, (None, None)), head=head(site, name)) for name in names}


def _files(site: Site, names: list[str], tips: Mapping[str, str | None]) -> list[tuple[str | None, str | None]]:
    """Return git's names of both files of each project."""
    asked = "".join(f"{tips[name]}:{file}\n" for name in names for file in (CONFIG, GROUPS))
    check = ["cat-file", "--batch-check=%(objectname)"]
    answer = site.git(site.root_project, *check, data=asked.encode(), env=beside(site, names)).decode()
    found = [line if OBJECT.fullmatch(line) else None for line in answer.splitlines()]
    return list(zip(found[::2], found[1::2], strict=True))


def read_texts(site: Site, projects: Mapping[str, Actual]) -> dict[str, tuple[str, str]]:
    """Return the texts of both files of each project, "" for one that is not there. Raises ProjectsError."""
    found: dict[str, tuple[str, str]] = {}
    names = list(projects)
    for at in range(0, len(names), TOGETHER):
        part = names[at : at + TOGETHER]
        wanted = [oid for name in part for oid in (projects[name].config, projects[name].groups) if oid]
        data = "".join(f"{oid}\n" for oid in wanted).encode()
        texts = dict(_blobs(site.git(site.root_project, "cat-file", "--batch", data=data, env=beside(site, part))))
        for name in part:
            found[name] = (texts.get(projects[name].config or "", ""), texts.get(projects[name].groups or "", ""))
    return found


def _blobs(said: bytes) -> Iterator[tuple[str, str]]:
    """Yield names and texts of what `git cat-file --batch` says."""
    at = 0
    while at < len(said):
        end = said.index(b"\n", at)
        name, _kind, size = said[at:end].decode().split()
        at = end + 1 + int(size)
        yield name, said[end + 1 : at].decode("utf-8", "replace")
        at += 1
