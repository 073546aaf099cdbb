"""New repositories: made aside, locked, and without anything that an upstream may want to run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.strata.gerrit.projects.declared import REF, Wanted
from ansible.module_utils.strata.gerrit.projects.site import Site
from ansible.module_utils.strata.gerrit.projects.staging import ImportFailedError, Staging

LOCK = {"project.config": "[access]\n", "groups": "#\n"}


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", f"--git-dir={folder}", *words], capture_output=True, text=True, check=True).stdout


def begin(tmp_path: Path) -> Staging:
    site = Site(str(tmp_path), "me", str(tmp_path / "git"))
    git(tmp_path, "init", "--quiet", "--bare", site.repository("All-Projects"))
    return Staging(site, "strata", LOCK)


@pytest.mark.parametrize("branch", [None, "stable/one"])
def test_a_new_repository_is_locked_and_has_its_branch(tmp_path: Path, branch: str | None) -> None:
    with begin(tmp_path) as staging:
        path = Path(staging.make(Wanted("acme/anvil", "", branch=branch)))
        ref = f"refs/heads/{branch or 'master'}"
        assert git(path, "for-each-ref", "--format=%(refname)").split() == [ref, REF]
        assert git(path, "symbolic-ref", "HEAD").strip() == ref
        assert git(path, "show", f"{REF}:project.config") == LOCK["project.config"]
        assert git(path, "ls-tree", ref) == ""
        git(path, "fsck", "--strict")
        staging.place({"acme/anvil": str(path)})
    assert (tmp_path / "git/acme/anvil.git/HEAD").exists()
    assert not (tmp_path / "git/All-Projects.git/strata").exists()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% {mark}", "file://{source}", "{source}", "--upload-pack=touch {mark}", "fd::0"]
)
def test_hostile_upstreams_are_refused_even_if_they_come_so_far(tmp_path: Path, url: str) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "source"))
    given = url.format(mark=tmp_path / "mark", source=tmp_path / "source")
    with begin(tmp_path) as staging, pytest.raises(ImportFailedError, match="can't be imported"):
        staging.make(Wanted("acme/anvil", "", upstream=given))
    assert not (tmp_path / "mark").exists()


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    staging = begin(tmp_path)
    deep = Path(staging.folder)
    for _ in range(1500):  # deeper than Python recurses
        deep.mkdir()
        deep /= "x"
    with staging:
        assert [str(path) for path in Path(staging.folder).iterdir()] == [staging.temporary]
