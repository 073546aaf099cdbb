"""Repositories of new projects, made whole aside and moved to their places; and what is pushed to refs/meta/config.

Gerrit's own create-project makes a repository first and its refs/meta/config afterwards: killed between them, it leaves
a project with all that it inherits open to everybody. So a new project is made aside, locked, with its branches, and
comes into Gerrit's sight by a rename. The push of its ACL, which Gerrit checks and announces, opens it.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ansible.module_utils.strata.gerrit_projects import CONFIG, GROUPS, REF, ProjectsError, blob
from ansible.module_utils.strata.gerrit_projects_site import attempt, beside, commit, run, said, write_commits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.gerrit_projects import Actual, Wanted
    from ansible.module_utils.strata.gerrit_projects_site import Site

WHO = "Strata <{account}@localhost>"
PROTOCOLS = ("https", "http", "git", "ssh")

#: No user's settings, which may name programs, and no questions.
SSH = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes"

SETTINGS = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogAllRefUpdates = true\n"


class ImportFailedError(ProjectsError):
    """An upstream cannot be imported."""


class Workshop:
    """A folder that is on one file system with the repositories, but where Gerrit looks for none: in one of them."""

    def __init__(self, site: Site, account: str, locked: Mapping[str, str]) -> None:
        """Take the site, whose account makes commits, and the texts of the two files of a locked project."""
        self.site, self.who, self.locked = site, WHO.format(account=account), locked
        self.folder = os.path.join(site.repository(site.root_project), "strata")
        self.objects = os.path.join(self.folder, "objects.git")
        self.template = os.path.join(self.folder, "template.git")

    def __enter__(self) -> Workshop:
        """Clear away what a killed run left, and make what all new repositories are copies of."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)
        for path in (self.objects, self.template):
            run(["git", "init", "--quiet", "--bare", "--template=", path])
        with open(os.path.join(self.template, "config"), "w", encoding="utf-8") as stream:
            stream.write(SETTINGS)
        write_commits(self.template, [self._locking()])
        return self

    def __exit__(self, *_: object) -> None:
        """Clear away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, project: Wanted) -> str:
        """Make a new project's repository aside, with its branches, and return its path. Raises ImportFailedError."""
        path = os.path.join(self.folder, blob(project.name))
        shutil.copytree(self.template, path)
        # Else JGit writes no log of it.
        os.makedirs(os.path.join(path, "logs", os.path.dirname(REF)))
        with open(os.path.join(path, "logs", REF), "w", encoding="utf-8"):
            pass
        branch = project.branch or "master"
        if project.upstream is None:
            write_commits(path, [commit(f"refs/heads/{branch}", self.who, "Initial empty repository", {})])
        else:
            branch = project.branch or self._fetch(path, project.upstream)
        run(["git", f"--git-dir={path}", "symbolic-ref", "HEAD", f"refs/heads/{branch}"])
        return path

    def _fetch(self, path: str, url: str) -> str:
        """Bring an upstream's branches and tags here and return the name of its default branch."""
        options = ["-c", "protocol.allow=never"]
        options += [word for name in PROTOCOLS for word in ("-c", f"protocol.{name}.allow=always")]
        options += ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=120"]
        git = ["git", f"--git-dir={path}", *options]
        env = {"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS), "GIT_SSH_COMMAND": SSH}
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        done = attempt([*git, "fetch", "--quiet", "--no-tags", "--end-of-options", url, *refs], env=env)
        if done.returncode:
            raise ImportFailedError(f"upstream {url} can't be imported: {said(done)}")
        head = attempt([*git, "ls-remote", "--symref", "--end-of-options", url, "HEAD"], env=env).stdout.decode()
        first = head.partition("\t")[0]
        return first.removeprefix("ref: refs/heads/") if first.startswith("ref: refs/heads/") else "master"

    def place(self, made: Mapping[str, str]) -> None:
        """Move repositories that were made aside to the places of these projects, where Gerrit sees them."""
        # A machine that loses its power must not find a repository without what it is made of.
        os.sync()
        for name, path in made.items():
            place = self.site.repository(name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.rename(path, place)

    def commits(self, projects: Iterable[Wanted], actual: Mapping[str, Actual], groups: Mapping[str, str]) -> list[str]:
        """Make the commits that give projects their project.config and `groups`, and return their names."""
        projects = list(projects)
        refs = [f"refs/heads/{number}" for number in range(len(projects))]
        stream = [
            commit(
                ref,
                self.who,
                f"Take over {project.acl}",
                {CONFIG: project.config, GROUPS: groups[project.name]},
                actual[project.name].tip,
            )
            for ref, project in zip(refs, projects, strict=True)
        ]
        write_commits(self.objects, stream, beside(self.site, [project.name for project in projects]))
        return run(["git", f"--git-dir={self.objects}", "rev-parse", *refs]).decode().split()

    def lock(self, name: str, tip: str | None) -> None:
        """Lock a project that Gerrit takes no push to, as it is read-only; it sees that when its cache is flushed."""
        path = self.site.repository(name)
        write_commits(path, [self._locking(tip)])

    def _locking(self, tip: str | None = None) -> bytes:
        return commit(REF, self.who, "Lock the project until it has its ACL", self.locked, tip)
