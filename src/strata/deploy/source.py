"""Where what is deployed comes from: a branch of a repository of git, and trees of its revisions."""

from __future__ import annotations

import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from strata.errors import StrataError, UsageError
from strata.paths import STATE
from strata.vendored.git import Git, GitError

if TYPE_CHECKING:
    from pathlib import Path

#: What was fetched last, and what of it is deployed, as nobody's branch can be called.
FETCHED, ACCEPTED = "refs/strata/fetched", "refs/strata/accepted"


class Source:
    """A repository of our own, in which a branch of another one is followed; git runs nothing that it brings."""

    def __init__(self, folder: Path, url: str, branch: str) -> None:
        """Name the branch, and the folder for the repository and the trees.

        Raises:
            StrataError: no branch can be called so.

        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._url, self._branch = folder.resolve(), url, branch
        self._git = Git(file_allowed=True)
        try:
            self._git.run(folder, "check-ref-format", f"refs/heads/{branch}")
        except GitError:
            raise StrataError(f"branch: {branch!r} is not a name of a branch") from None

    @cached_property
    def _repository(self) -> Path:
        path = self._folder / "repository.git"
        self._git.run(self._folder, "init", "--quiet", "--bare", str(path))
        return path

    def fetch(self) -> None:
        """Fetch the branch. Raises GitError."""
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--end-of-options")
        self._git.run(self._repository, "fetch", *options, self._url, f"refs/heads/{self._branch}:{FETCHED}")

    def accept(self, *, rewritten: bool = False) -> str:
        """Return the commit of the branch that is deployed from now on.

        Args:
            rewritten: whether it may be another one than what came after what is deployed.

        Raises:
            StrataError: nothing was fetched yet, or it may not.

        """
        fetched, accepted = self._commit(FETCHED), self._commit(ACCEPTED)
        if fetched is None:
            raise StrataError(f"nothing is known of {self._branch} of {self._url}, so that nothing can be deployed")
        if accepted and not rewritten and not self.descends(fetched, accepted):
            raise StrataError(
                f"{self._branch} of {self._url} was rewritten: {fetched[:12]} does not descend from {accepted[:12]}, "
                "which is deployed, so nothing is; if that is meant: `strata deploy --rewritten`"
            )
        self._git.run(self._repository, "update-ref", ACCEPTED, fetched)
        return fetched

    def revision(self, name: str) -> str:
        """Return the commit of a revision of the branch that is deployed. Raises UsageError."""
        found, accepted = self._commit(name), self._commit(ACCEPTED)
        if found is None or accepted is None or not self.descends(accepted, found):
            raise UsageError(f"{name}: {self._branch} has no such revision")
        return found

    def descends(self, commit: str, ancestor: str) -> bool:
        """Return whether a commit is another one, or comes after it."""
        return common(self._git, self._repository, commit, ancestor) == ancestor

    def path(self, commit: str) -> Path:
        """Return where the tree of a commit is, or would be."""
        return self._folder / "trees" / commit[:12]

    def tree(self, commit: str) -> Path:
        """Return a tree of a commit, which has the state of this checkout.

        Raises:
            StrataError: it cannot be made.

        """
        path, state = self.path(commit), self.path(commit) / STATE.name
        if not state.is_symlink():  # made last
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._remove(path)
            self._git.run(self._repository, "worktree", "add", "--quiet", "--force", "--detach", str(path), commit)
            try:
                state.symlink_to(STATE.resolve())
            except FileExistsError:
                raise StrataError(f"{commit[:12]} has {STATE.name} in it, which is this host's own") from None
        return path

    def lead(self, commit: str) -> None:
        """Have `current` lead to the tree of a commit from now on, and remove all others."""
        made = self._folder / "current.new"
        made.unlink(missing_ok=True)
        made.symlink_to(self.path(commit).relative_to(self._folder))
        made.replace(self._folder / "current")
        for path in {*self._folder.glob("trees/*")} - {self.path(commit)}:
            self._remove(path)

    def _remove(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)
        self._git.run(self._repository, "worktree", "prune")

    def _commit(self, name: str) -> str | None:
        options = ("--verify", "--quiet", "--end-of-options")
        try:
            return self._git.run(self._repository, "rev-parse", *options, f"{name}^{{commit}}").strip()
        except GitError:
            return None


def common(git: Git, folder: Path, first: str, second: str) -> str | None:
    """Return the last commit that two have in common, None if they have none, or if one is not there."""
    try:
        return git.run(folder, "merge-base", first, second).strip()
    except GitError:
        return None
