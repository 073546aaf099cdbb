"""The account that pushes: written as Gerrit does it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.strata.gerrit.projects import account
from ansible.module_utils.strata.gerrit.projects import site as sites
from ansible.module_utils.strata.gerrit.projects.declared import ProjectsError


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", f"--git-dir={folder}", *words], capture_output=True, text=True, check=True).stdout


def users(tmp_path: Path) -> tuple[sites.Site, Path]:
    """A site whose administrators, group 4387, have one member; as Gerrit writes it, the last line has no newline."""
    site = sites.Site(str(tmp_path), "me", str(tmp_path))
    path = Path(site.repository("All-Users"))
    git(tmp_path, "init", "--quiet", "--bare", str(path))
    who, files = "Me <me@example.org>", {"group.config": "[group]\n", "members": "1000000"}
    sites.write_commits(str(path), [sites.commit("refs/groups/43/4387", who, "Create group", files)])
    number = subprocess.run(
        ["git", f"--git-dir={path}", "hash-object", "-w", "--stdin"], input=b"1000001", capture_output=True, check=True
    ).stdout.decode()
    git(path, "update-ref", account.NUMBER, number.strip())
    return site, path


def test_the_account_is_written_as_gerrit_does(tmp_path: Path) -> None:
    site, path = users(tmp_path)
    account._make(site, "strata", "4387")
    assert git(path, "show", "refs/groups/43/4387:members") == "1000000\n1000001"
    assert git(path, "show", "refs/groups/43/4387:group.config") == "[group]\n"
    assert git(path, "show", account.NUMBER) == "1000002"
    settings = git(path, "config", "--blob", "refs/users/01/1000001:account.config", "--list").split("\n")
    assert settings[:2] == ["account.fullname=Strata", "account.preferredemail=strata@localhost"]
    (note,) = git(path, "ls-tree", "--name-only", account.NAMES).split()
    assert subprocess.run(["sha1sum"], input=b"username:strata", capture_output=True, check=True).stdout.decode() == (
        f"{note}  -\n"
    )
    known = git(path, "config", "--blob", f"{account.NAMES}:{note}", "--list").split("\n")
    key = "externalid.username:strata"
    assert known[:2] == [f"{key}.accountid=1000001", f"{key}.email=strata@localhost"]
    account._make(site, "other", "4387")
    assert git(path, "show", "refs/groups/43/4387:members") == "1000000\n1000001\n1000002"
    assert len(git(path, "ls-tree", "--name-only", account.NAMES).split()) == 2


@pytest.mark.parametrize("name", ["Upper", "-dash", "a b", 'a"b', "a\n[x]"])
def test_an_account_with_an_odd_name_is_not_made(tmp_path: Path, name: str) -> None:
    site, path = users(tmp_path)
    with pytest.raises(ProjectsError, match="its name must be of small letters"):
        account._make(site, name, "4387")
    assert git(path, "show", account.NUMBER) == "1000001"


@pytest.mark.parametrize(
    ("like", "path"), [("", "0123456789"), ("ab" * 5, "0123456789"), ("ab/cd/efghij", "01/23/456789")]
)
def test_a_note_stands_where_its_like_do(like: str, path: str) -> None:
    assert account._note("0123456789", like) == path
