"""Locking what refs name, and the alarm when a tag has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import git

if TYPE_CHECKING:
    from .conftest import Checkout, Repo, Server


@pytest.fixture
def repo(server: Server, checkout: Checkout) -> Repo:
    """Make a module with a tag and a branch; the tag is locked."""
    made = server.repo("ansible-one")
    made.files({"a": "1"}, message="first")
    git(made.path, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "tag", "-am", "x", "1.0", "main")
    checkout.env((made, "1.0"))
    checkout.well("lock")
    return made


def test_an_annotated_tag_is_its_commit(repo: Repo, checkout: Checkout) -> None:
    sha = git(repo.path, "rev-parse", "main")
    assert checkout.lock.endswith(f"\none {sha} refs/tags/1.0 {repo.url}\n")
    assert checkout.well("lock") == "nothing changed\n"


@pytest.mark.parametrize("verb", ["lock", "update", "check --remote"])
def test_a_tag_that_moved_is_an_alarm(repo: Repo, checkout: Checkout, verb: str) -> None:
    checkout.well("sync")
    lock, old = checkout.lock, git(repo.path, "rev-parse", "main")
    new = repo.files({"a": "2"}, old)
    git(repo.path, "update-ref", "refs/tags/1.0", new)
    done = checkout.run(*verb.split())
    assert done.code == 1
    alarm = f"one: ALARM: refs/tags/1.0 of {repo.url} was {old} when it was locked; now refs/tags/1.0 is {new}."
    assert alarm in done.out + done.err
    assert checkout.lock == lock
    assert checkout.well("sync").startswith("0 done")
    # Whoever asked its owners takes the line away.
    (checkout.root / "modules.lock").unlink()
    assert checkout.well("lock") == f"one {new} refs/tags/1.0\n1 changed\n"


def test_a_tag_that_became_a_branch_is_an_alarm(repo: Repo, checkout: Checkout) -> None:
    sha = git(repo.path, "rev-parse", "main")
    git(repo.path, "update-ref", "-d", "refs/tags/1.0")
    git(repo.path, "update-ref", "refs/heads/1.0", sha)
    assert "ALARM" in checkout.run("lock").err


@pytest.mark.parametrize("verb", ["lock", "update", "check --remote"])
def test_a_ref_that_is_gone(repo: Repo, checkout: Checkout, verb: str) -> None:
    checkout.well("sync")
    git(repo.path, "update-ref", "-d", "refs/tags/1.0")
    done = checkout.run(*verb.split())
    assert done.code == 1
    assert f"one: {repo.url} has no tag or branch 1.0: it is gone, or was never there" in done.out + done.err


def test_a_ref_of_two_meanings(repo: Repo, checkout: Checkout) -> None:
    git(repo.path, "branch", "1.0", "main")
    done = checkout.run("lock")
    assert done.code == 1
    assert "has refs/tags/1.0 and refs/heads/1.0: write the whole name in place of 1.0" in done.err
    checkout.env((repo, "refs/heads/1.0"))
    checkout.well("lock")
    assert " refs/heads/1.0 " in checkout.lock


def test_a_ref_is_not_found_by_the_end_of_another(repo: Repo, checkout: Checkout) -> None:
    git(repo.path, "update-ref", "refs/heads/x/refs/heads/wanted", "main")
    git(repo.path, "update-ref", "refs/heads/x/y", "main")
    for ref in ("wanted", "y", "refs/heads/wanted"):
        checkout.env((repo, ref))
        assert "it is gone, or was never there" in checkout.run("lock").err


@pytest.mark.parametrize(
    ("ref", "full"), [("origin/main", "refs/heads/main"), ("HEAD", "HEAD"), ("main", "refs/heads/main")]
)
def test_refs(repo: Repo, checkout: Checkout, ref: str, full: str) -> None:
    git(repo.path, "symbolic-ref", "HEAD", "refs/heads/main")
    checkout.env((repo, ref))
    checkout.well("lock")
    sha = git(repo.path, "rev-parse", "main")
    assert checkout.lock.endswith(f"\none {sha} {full} {repo.url}\n")
    checkout.well("sync")


def test_a_commit_needs_no_server(repo: Repo, server: Server, checkout: Checkout) -> None:
    sha = git(repo.path, "rev-parse", "main")
    checkout.env((repo, sha))
    server.stop()
    checkout.well("lock")
    assert checkout.lock.endswith(f"\none {sha} {sha} {repo.url}\n")


def test_update_shows_the_log(repo: Repo, server: Server, checkout: Checkout) -> None:
    other = server.repo("ansible-two")
    other.files({"a": "1"})
    checkout.env((repo, "main"), (other, "main"))
    checkout.well("lock")
    checkout.well("sync")
    old = git(repo.path, "rev-parse", "main")
    middle = repo.files({"a": "2"}, old, message="Change a\n\nNot this")
    new = repo.files({"a": "3"}, middle, message="Change it again")
    other.files({"a": "2"}, git(other.path, "rev-parse", "main"))
    lines = checkout.well("update", "one").splitlines()
    assert lines == [
        f"one {old}..{new} refs/heads/main",
        f"  {new[:7]} Change it again",
        f"  {middle[:7]} Change a",
        "1 changed",
    ]
    assert [line.split()[0] for line in checkout.well("update").splitlines()[:1]] == ["two"]
    assert checkout.well("update") == "nothing changed\n"
    assert checkout.run("update", "three").code == 2


@pytest.mark.parametrize("synced", [False, True])
def test_update_says_what_was_lost(repo: Repo, checkout: Checkout, synced: bool) -> None:
    checkout.env((repo, "main"))
    first = git(repo.path, "rev-parse", "main")
    lost = repo.files({"a": "2"}, first)
    git(repo.path, "branch", "kept", lost)
    checkout.well("lock")
    if synced:
        checkout.well("sync")
    new = repo.files({"a": "3"}, first, message="Another way")
    lines = checkout.well("update").splitlines()[1:-1]
    if synced:
        assert lines == [f"  {new[:7]} Another way", f"  not in it any more: 1 of the commits that led to {lost}"]
    else:
        assert lines == [f"  {lost} is not in the history of {new}"]


def test_update_of_one_needs_a_lock_of_the_others(repo: Repo, server: Server, checkout: Checkout) -> None:
    other = server.repo("ansible-two")
    other.files({"a": "1"})
    checkout.env((repo, "1.0"), (other, "main"))
    done = checkout.run("update", "one")
    assert done.code == 1
    assert done.err == "modules.lock is not what modules.env says of two: run `bin/strata modules lock`"


def test_a_module_that_is_taken_out(repo: Repo, checkout: Checkout) -> None:
    checkout.well("sync")
    checkout.file.write_text("# none\n")
    assert checkout.well("lock") == "one removed\n1 changed\n"
    out = checkout.well("sync")
    assert out.startswith("one removed; what was there is kept in vendor/.trees/")
    assert checkout.well("check") == ""
    assert not checkout.role("one").exists()
    assert repo.path.exists()
