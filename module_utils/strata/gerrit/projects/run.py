"""The work on a Gerrit's projects: some at a time, each brought to its end before the next ones are begun."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import quiet
from ansible.module_utils.strata.errors import StrataError
from ansible.module_utils.strata.gerrit.projects import account
from ansible.module_utils.strata.gerrit.projects.declared import CONFIG, GROUPS, REF, ProjectsError, unpack
from ansible.module_utils.strata.gerrit.projects.host import (
    Server,
    read_disk,
    read_groups,
    read_projects,
    read_server,
    read_texts,
)
from ansible.module_utils.strata.gerrit.projects.plan import admitting, diff, groups_file, lock, plan, uuids
from ansible.module_utils.strata.gerrit.projects.site import acting_as, attempt, read_site, unlock
from ansible.module_utils.strata.gerrit.projects.ssh import DownError, Gerrit, RefusedError
from ansible.module_utils.strata.gerrit.projects.staging import ImportFailedError, Staging

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.gerrit.projects.declared import Wanted
    from ansible.module_utils.strata.gerrit.projects.plan import Plan
    from ansible.module_utils.strata.gerrit.projects.site import Site
    from ansible.module_utils.strata.quiet import QuietModule

#: Projects that are brought to their end together, and what is asked of Gerrit at once.
TOGETHER, AT_ONCE = 50, 4

#: What Gerrit says where a permission is missing, or the project is read-only, and not the pushed files are wrong.
BARRED = re.compile("prohibited by Gerrit|project state does not permit write")


@dataclass
class Progress:
    """What is done, in words; which projects could not be configured, and why; how many are left for another call."""

    changes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    left: int = 0


def converge(module: QuietModule) -> dict[str, Any]:
    """Configure projects until all is done or the time is up; return the module's result.

    Raises:
        ProjectsError: Gerrit does not answer any more, or nothing can be done.

    """
    progress = Progress()
    try:
        wanted = unpack(module.params["manifest"])
        if module.check_mode:
            return _predict(module, wanted)
        return _apply(module, wanted, progress)
    except (StrataError, OSError) as error:
        text = str(error) if isinstance(error, StrataError) else f"the projects cannot be configured: {error}"
        changes = progress.changes
        raise ProjectsError(text, changed=bool(changes), changes=changes, problems=progress.problems) from error


def _predict(module: QuietModule, wanted: Sequence[Wanted]) -> dict[str, Any]:
    params = module.params
    if not os.path.exists(os.path.join(params["site"], "etc", "gerrit.config")):
        return _predicted(module, wanted, Server(), None)
    with acting_as(params["user"]):
        site = read_site(params["site"], params["user"])
        try:
            with Gerrit(site, params["account"]) as gerrit:
                server = read_server(site, gerrit, wanted)
        except DownError:
            server = read_disk(site, wanted)
        return _predicted(module, wanted, server, site)


def _predicted(module: QuietModule, wanted: Sequence[Wanted], server: Server, site: Site | None) -> dict[str, Any]:
    external = module.params["external_groups"]
    planned = plan(wanted, server, external)
    progress = Progress(planned.changes, planned.problems)
    return _result(wanted, planned, progress, _diff(module, site, server, planned))


def _apply(module: QuietModule, wanted: Sequence[Wanted], progress: Progress) -> dict[str, Any]:
    params = module.params
    deadline = time.monotonic() + params["seconds"]
    with acting_as(params["user"]):
        site = read_site(params["site"], params["user"])
        with Gerrit(site, params["account"]) as gerrit:
            server = read_server(site, gerrit, wanted)
            planned = plan(wanted, server, params["external_groups"], params["skip"])
            differences = _diff(module, site, server, planned)
            progress.problems |= planned.problems
            worker = Worker(gerrit, server, planned, params["external_groups"], params["admin_group"], progress)
            worker.apply(deadline)
    return _result(wanted, planned, progress, differences)


def _result(
    wanted: Sequence[Wanted], planned: Plan, progress: Progress, differences: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the module's result; the action makes a failure of problems."""
    return quiet.result(
        progress.changes,
        differences,
        projects={"declared": len(wanted), "applied": len(wanted) - progress.left - len(progress.problems)},
        undeclared=planned.undeclared,
        problems=progress.problems,
        left=progress.left,
    )


def _diff(module: QuietModule, site: Site | None, server: Server, planned: Plan) -> list[dict[str, Any]]:
    """Return the change of both files of each project, for a person who asked for it."""
    if not module._diff:  # noqa: SLF001
        return []
    known = dict.fromkeys(planned.groups, "(made by this run)") | uuids(server.groups, module.params["external_groups"])
    there = {each.name: server.projects[each.name] for each in planned.configs if each.name in server.projects}
    before = read_texts(site, there) if site else {}
    changes = []
    for project in planned.configs:
        config, groups = before.get(project.name, ("", ""))
        changes += diff(f"{project.name} project.config", config, project.config)
        changes += diff(f"{project.name} groups", groups, groups_file(project.groups, known))
    return changes


class Worker:
    """Carries a plan out."""

    def __init__(
        self,
        gerrit: Gerrit,
        server: Server,
        planned: Plan,
        external: Mapping[str, str],
        admins: str,
        progress: Progress,
    ) -> None:
        """Take what there was, what is to be done, the UUIDs of external groups, and the administrators' group."""
        self.gerrit, self.site = gerrit, gerrit.site
        self.plan, self.progress = planned, progress
        self.external, self.admins = external, admins
        self.groups = dict(server.groups)
        self.missing = set(planned.groups)

    def apply(self, deadline: float) -> None:
        """Work until all is done or the deadline (of the monotonic clock) is over; some is done in any case.

        Raises:
            ProjectsError: Gerrit does not answer any more, or nothing can be done.

        """
        todo = self.plan.touched
        if todo:
            member = account.ensure(self.gerrit, self.admins, self.groups)
            # What a killed run made it a member of.
            named = {name for each in self.plan.configs for name in each.needed}
            self._leave(sorted(member & self.groups.keys() & named - {self.admins}))
            unlock(
                self.site, self.site.users_project, ("refs/meta/group-names", "refs/sequences/groups", "packed-refs")
            )
            locked = lock(self.admins, self.groups[self.admins])
            with Staging(self.site, self.gerrit.account, locked) as staging, ThreadPoolExecutor(1) as ahead:
                # Gerrit takes its time for each group, so the next projects' groups are made beside the work on these.
                groups: Future[tuple[list[str], dict[str, str]]] | None
                groups = ahead.submit(self._make_groups, todo[:TOGETHER])
                while groups:
                    made, refused = groups.result()
                    names, todo = todo[:TOGETHER], todo[TOGETHER:]
                    go_on = todo and time.monotonic() < deadline
                    groups = ahead.submit(self._make_groups, todo[:TOGETHER]) if go_on else None
                    self._know_groups(made, refused)
                    self._apply_some(staging, set(names))
        self.progress.left = len(todo)
        if self.plan.unlisted:
            self._flush("project_list")
            self.progress.changes += [f"project {name} is listed again" for name in self.plan.unlisted]

    def _apply_some(self, staging: Staging, names: set[str]) -> None:
        made = self._make(staging, [project for project in self.plan.made if project.name in names])
        self._push(staging, [project for project in self.plan.configs if project.name in names], made)
        self._set_heads([project for project in self.plan.heads if project.name in names])

    def _make_groups(self, projects: Iterable[str]) -> tuple[list[str], dict[str, str]]:
        """Make what groups these projects lack; return those made, and what Gerrit says of those that it refuses."""
        wanted = set(projects)
        names = self.missing & {name for each in self.plan.configs if each.name in wanted for name in each.needed}
        self.missing -= names
        made: list[str] = []
        refused: dict[str, str] = {}
        if names:
            # Gerrit reads every loose ref here again for each group that it makes.
            attempt(["git", f"--git-dir={self.site.repository(self.site.users_project)}", "pack-refs", "--all"])
        # One after another: those that come together hinder each other, and one of them fails in the end.
        for name in sorted(names):
            try:
                self.gerrit.act("gerrit", "create-group", "--visible-to-all", name)
            except RefusedError as error:
                if "already exists" not in str(error):
                    refused[name] = str(error)
                    continue
            made.append(name)
        return made, refused

    def _know_groups(self, made: list[str], refused: Mapping[str, str]) -> None:
        """Take over what `_make_groups` returned."""
        if made:
            self._leave(made)
            # All of them: Gerrit takes ten times as long to list some.
            self.groups |= read_groups(self.gerrit.ask("gerrit", "ls-groups", "-v"))
            self.progress.changes += [f"group {name} is made" for name in made]
        for project in self.plan.configs:
            for group in refused.keys() & project.needed:
                self.progress.problems[project.name] = f"{project.acl}: {refused[group]}"

    def _leave(self, groups: list[str]) -> None:
        """Take the account out of groups: who makes one is its first member."""
        leave = ("gerrit", "set-members", "--remove", self.gerrit.account)
        parts = filter(None, (groups[at::AT_ONCE] for at in range(AT_ONCE)))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda part: self.gerrit.act(*leave, *part), parts))

    def _make(self, staging: Staging, projects: Iterable[Wanted]) -> set[str]:
        made: dict[str, str] = {}

        def make(project: Wanted) -> None:
            try:
                made[project.name] = staging.make(project)
            except ImportFailedError as error:
                self.progress.problems[project.name] = str(error)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(make, (each for each in projects if each.name not in self.progress.problems)))
        if made:
            staging.place(made)
            # Whoever asked for one of them before has made Gerrit remember that there is none.
            self._flush("projects", "project_list")
            self.progress.changes += [f"project {name} is made" for name in sorted(made)]
        return set(made)

    def _push(self, staging: Staging, projects: Iterable[Wanted], made: set[str]) -> None:
        projects = [project for project in projects if project.name not in self.progress.problems]
        refused = self._push_all(staging, projects)
        barred = [project for project in projects if BARRED.search(refused.get(project.name, ""))]
        if barred:
            others = {name: reason for name, reason in refused.items() if not BARRED.search(reason)}
            refused = others | self._push_barred(staging, barred)
        for project in projects:
            if project.name in refused:
                self.progress.problems[project.name] = f"{project.acl}: Gerrit refuses it: {refused[project.name]}"
            elif project.name not in made:
                self.progress.changes.append(f"project {project.name} gets its ACL")

    def _push_barred(self, staging: Staging, projects: list[Wanted]) -> dict[str, str]:
        """Push where it takes a permission for that moment, and return what Gerrit says of those that it refuses."""
        names = [project.name for project in projects]
        actual = read_projects(self.site, names)
        former = read_texts(self.site, actual)
        for name in names:
            files = admitting(*former[name], self.admins, self.groups[self.admins])
            staging.write(name, files, "Let administrators push the ACL", actual[name].tip)
        self._flush("projects")
        refused = self._push_all(staging, projects)
        tips = read_projects(self.site, refused)
        for name, found in tips.items():
            staging.write(
                name, dict(zip((CONFIG, GROUPS), former[name], strict=True)), "Restore the former ACL", found.tip
            )
        if tips:
            self._flush("projects")
        return refused

    def _push_all(self, staging: Staging, projects: list[Wanted]) -> dict[str, str]:
        """Push all, and return what Gerrit says of those that it refuses."""
        if not projects:
            return {}
        names = [project.name for project in projects]
        for name in names:
            unlock(self.site, name, (REF,))
        known = uuids(self.groups, self.external)
        texts = {project.name: groups_file(project.groups, known) for project in projects}
        commits = staging.commits(projects, read_projects(self.site, names), texts)
        refused: dict[str, str] = {}

        def push(name: str, commit: str) -> None:
            try:
                self.gerrit.push(name, commit, staging.objects, names)
            except RefusedError as error:
                refused[name] = str(error)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(push, names, commits))
        return refused

    def _set_heads(self, projects: Iterable[Wanted]) -> None:
        for project in projects:
            try:
                self.gerrit.act("gerrit", "set-head", project.name, "--new-head", f"refs/heads/{project.branch}")
                self.progress.changes.append(f"project {project.name} gets {project.branch} as its default branch")
            except RefusedError as error:
                self.progress.problems[project.name] = f"default-branch: {error}"

    def _flush(self, *caches: str) -> None:
        self.gerrit.ask("gerrit", "flush-caches", *(word for cache in caches for word in ("--cache", cache)))
