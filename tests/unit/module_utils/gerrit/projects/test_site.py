"""A site on this host: where its SSH answers, and what is written to its repositories."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.gerrit.projects import site as sites
from ansible.module_utils.strata.gerrit.projects.declared import REF, ProjectsError

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", f"--git-dir={folder}", *words], capture_output=True, text=True, check=True).stdout


def test_other_files_of_refs_meta_config_stay(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "r"))
    who, path = "Me <me@example.org>", str(tmp_path / "r")
    first = {"project.config": "a", "groups": "b", "rules.pl": "c"}
    sites.write_commits(path, [sites.commit(REF, who, "First", first)])
    second = {"project.config": "new", "groups": ""}
    sites.write_commits(path, [sites.commit(REF, who, "Second", second, f"{REF}^0")])
    assert git(tmp_path / "r", "ls-tree", "--name-only", REF).split() == ["project.config", "rules.pl"]
    assert git(tmp_path / "r", "log", "--format=%s", REF).split() == ["Second", "First"]


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("*:29418", "127.0.0.1", 29418),
        (":29420", "127.0.0.1", 29420),
        ("192.0.2.7", "192.0.2.7", 29418),
        ("review.example.org:22", "review.example.org", 22),
        ("[2001:db8::7]:29418", "2001:db8::7", 29418),
        ("[::]:29418", "127.0.0.1", 29418),
    ],
)
def test_where_ssh_answers(tmp_path: Path, given: str, host: str, port: int) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/gerrit.config").write_text(
        f'[gerrit]\n\tbasePath = /srv/git\n[sshd]\n\tlistenAddress = "{given}"\n'
    )
    site = sites.read_site(str(tmp_path), "me")
    assert (site.host, site.port, site.base) == (host, port, "/srv/git")


def test_without_ssh_nothing_goes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/gerrit.config").write_text("[sshd]\n\tlistenAddress = off\n")
    with pytest.raises(ProjectsError, match=r"gerrit\.config: sshd\.listenAddress is off"):
        sites.read_site(str(tmp_path), "me")


def test_a_stale_lock_is_freed_and_a_new_one_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = sites.Site(str(tmp_path), "me", str(tmp_path))
    lock = tmp_path / "a.git/refs/meta/config.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (0, 0))
    sites.unlock(site, "a", (REF,))
    assert not lock.exists()
    lock.touch()
    waited = []
    monkeypatch.setattr(sites.time, "sleep", lambda seconds: (waited.append(seconds), lock.unlink()))
    sites.unlock(site, "a", (REF,))
    assert len(waited) == 1


@pytest.mark.parametrize("name", ["HEAD", REF, "packed-refs"])
def test_a_pipe_in_a_repository_is_not_waited_for(tmp_path: Path, name: str) -> None:
    pipe = tmp_path / "one.git" / name
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    site = sites.Site(str(tmp_path), "me", str(tmp_path))
    if name == "HEAD":
        assert sites.head(site, "one") == ""
    else:
        assert sites.read_tip(site, "one") is None
