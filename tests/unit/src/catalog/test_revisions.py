"""Other revisions: what is compiled of them, and what is wrong with those that cannot be."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.catalog import revisions, store
from strata.errors import StrataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit."""
    root, state = tmp_path / "root", tmp_path / "root/.strata"
    state.mkdir(parents=True)
    for module in (revisions, store):
        monkeypatch.setattr(module, "STATE", state)
    monkeypatch.setattr(revisions, "ROOT", root)
    monkeypatch.setattr(store, "FOLDER", state / "catalogs")
    (root / "modules.lock").write_text("one sha\n")
    (root / ".gitignore").write_text(".strata\n*.pyc\n")
    (root / "site.yml").write_text("[]\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", "One")
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A contributor", "-c", "user.email=contributor@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_files_of_a_revision(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert revisions.commit_of("main") == revisions.current() == head
    (checkout / "site.yml").write_text("other\n")
    assert revisions.current() == f"{head}-dirty"
    (checkout / "new").write_text("not committed\n")
    (checkout / "ignored.pyc").write_text("")
    with revisions.files_of(head) as tree:
        assert (tree / "site.yml").read_text() == "[]\n"
        assert sorted(path.name for path in tree.iterdir()) == [".gitignore", "modules.lock", "site.yml"]
    assert not tree.exists()
    with revisions.files_of("") as tree:
        assert (tree / "site.yml").read_text() == "other\n"
        assert sorted(path.name for path in tree.iterdir()) == [".gitignore", "modules.lock", "new", "site.yml"]
    assert not tree.exists()


@pytest.mark.parametrize("wrong", ["nothing", "--all", ""])
def test_no_such_revision(checkout: Path, wrong: str) -> None:
    assert checkout
    with pytest.raises(UsageError, match="there is no such revision"):
        revisions.commit_of(wrong)


def test_other_vendored_roles_are_refused(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    (checkout / "modules.lock").write_text("one other\n")
    with pytest.raises(StrataError, match=r"pins other roles in modules\.lock"), revisions.files_of(head):
        pass


def test_outside_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "ROOT", checkout.parent)
    assert revisions.current() == ""
    with pytest.raises(StrataError, match="git knows no file there"), revisions.files_of(""):
        pass


def test_catalogs_are_kept_by_what_they_are_made_of(checkout: Path) -> None:
    facts = checkout / "facts"
    facts.mkdir()
    with store.kept("one", [checkout, facts]) as first, store.kept("one", [checkout, facts]) as again:
        assert first == again
    (facts / "web01.json").write_text("{}")
    with store.kept("one", [checkout, facts]) as other:
        assert other != first
    for number in range(store.MOST_KEPT + 1):
        with store.kept(f"{number}", []):
            pass
    assert len(list(first.parent.iterdir())) == store.MOST_KEPT
