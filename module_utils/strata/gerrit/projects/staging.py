"""Repositories of new projects, made whole aside and moved to their places; and what is pushed to refs/meta/config.

Gerrit's own create-project makes a repository first and its refs/meta/config afterwards: killed between them, it leaves
a project with all that it inherits open to everybody. So a new project is made aside, locked, with its branches, and
comes into Gerrit's sight by a rename. The push of its ACL, which Gerrit checks and announces, opens it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Self

from ansible.module_utils.strata import folders
from ansible.module_utils.strata.gerrit.projects.declared import CONFIG, GROUPS, REF, ProjectsError
from ansible.module_utils.strata.gerrit.projects.plan import blob
from ansible.module_utils.strata.gerrit.projects.site import attempt, beside, commit, run, said, write_commits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.gerrit.projects.declared import Wanted
    from ansible.module_utils.strata.gerrit.projects.host import Actual
    from ansible.module_utils.strata.gerrit.projects.site import Site

WHO = "Strata <{account}@localhost>"
BRANCH = "master"
PROTOCOLS = ("https", "http", "git", "ssh")

PROXIES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")

#: No user's settings, which may name programs, and no questions.
SSH = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes"

SETTINGS = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogAllRefUpdates = true\n"


class ImportFailedError(ProjectsError):
    """An upstream cannot be imported."""


class Staging:
    """A folder that is on one file system with the repositories, but where Gerrit looks for none: in one of them."""

    def __init__(self, site: Site, account: str, locked: Mapping[str, str]) -> None:
        """Take the site, whose account makes commits, and the texts of the two files of a locked project."""
        self.site, self.who, self.locked = site, WHO.format(account=account), locked
        self.folder = os.path.join(site.repository(site.root_project), "strata")
        self.temporary = self.objects = self.template = ""
        self.numbers = itertools.count()

    def __enter__(self) -> Self:
        """Clear away what a killed run left, and make what all new repositories are copies of."""
        self._clear()
        os.makedirs(self.folder, 0o700, exist_ok=True)
        # What a killed run began may still be writing.
        self.temporary = tempfile.mkdtemp(dir=self.folder)
        self.objects = os.path.join(self.temporary, "objects.git")
        self.template = os.path.join(self.temporary, "template.git")
        for path in (self.objects, self.template):
            run(["git", "init", "--quiet", "--bare", "--template=", path])
        first = commit(f"refs/heads/{BRANCH}", self.who, "Initial empty repository", {})
        locking = commit(REF, self.who, "Lock the project until it has its ACL", self.locked)
        write_commits(self.template, [locking, first])
        _write(os.path.join(self.template, "config"), SETTINGS)
        # JGit writes a log of this ref where there is one.
        os.makedirs(os.path.join(self.template, "logs", os.path.dirname(REF)))
        _write(os.path.join(self.template, "logs", REF), "")
        return self

    def __exit__(self, *_: object) -> None:
        """Clear away."""
        self._clear()

    def _clear(self) -> None:
        """Remove the folder with all that is in it, however deep; what is left is in nobody's way."""
        with contextlib.suppress(OSError), folders.holding(self.folder) as (above, name):
            folders.clear(name, above)

    def make(self, project: Wanted) -> str:
        """Make a new project's repository aside, with its branches, and return its path. Raises ImportFailedError."""
        path = os.path.join(self.temporary, blob(project.name))
        shutil.copytree(self.template, path)
        branch, first = project.branch or BRANCH, os.path.join(path, "refs/heads")
        if project.upstream is not None:
            os.unlink(os.path.join(first, BRANCH))
            branch = self._fetch(path, project.upstream, project.branch)
        elif branch != BRANCH:
            os.makedirs(os.path.dirname(os.path.join(first, branch)), exist_ok=True)
            os.rename(os.path.join(first, BRANCH), os.path.join(first, branch))
        _write(os.path.join(path, "HEAD"), f"ref: refs/heads/{branch}\n")
        return path

    def _fetch(self, path: str, url: str, branch: str | None) -> str:
        """Bring an upstream's branches and tags here and return its default branch, if `branch` is not to be that."""
        options = ["-c", "protocol.allow=never"]
        options += [word for name in PROTOCOLS for word in ("-c", f"protocol.{name}.allow=always")]
        options += ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=120"]
        git = ["git", f"--git-dir={path}", *options]
        env = {name: os.environ[name] for name in PROXIES if name in os.environ}
        env |= {"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS), "GIT_SSH_COMMAND": SSH}
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        done = attempt([*git, "fetch", "--quiet", "--no-tags", "--end-of-options", url, *refs], env=env)
        if done.returncode:
            raise ImportFailedError(f"upstream {url} can't be imported: {said(done)}")
        if branch is not None:
            return branch
        head = attempt([*git, "ls-remote", "--symref", "--end-of-options", url, "HEAD"], env=env).stdout.decode()
        first = head.partition("\t")[0]
        return first.removeprefix("ref: refs/heads/") if first.startswith("ref: refs/heads/") else BRANCH

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
        refs = [f"refs/heads/{next(self.numbers)}" for _ in projects]
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

    def write(self, name: str, files: Mapping[str, str], message: str, tip: str | None) -> None:
        """Write a project's two files past Gerrit, which sees them when its cache is flushed."""
        write_commits(self.site.repository(name), [commit(REF, self.who, message, files, tip)])


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
