"""The way of a contributor: clone, propose a series, amend it, have it voted on, and see it merged in a real Gerrit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from strata.paths import STATE
from tests.sandbox.conftest import NAME
from tests.testinfra.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Sandbox

SSH_CONFIG = STATE / "sandboxes" / NAME / "review" / "ssh_config"
PROJECT = "infra/system-config"


@dataclass
class Clone:
    """Somebody's clone of the project, with a home of its own."""

    folder: Path

    def run(self, *command: str) -> str:
        home = {"HOME": str(self.folder.parent), "GIT_SSH_COMMAND": f"ssh -F {SSH_CONFIG}"}
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        who = {f"GIT_{kind}_{key}": value for kind in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | home | path | who, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def commit(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self.run("git", "add", name)
        self.run("git", "commit", "--quiet", "--message", f"Say something in {name}")


PERSON = {"NAME": "A contributor", "EMAIL": "contributor@example.org"}


def ssh(account: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Gerrit's as an account."""
    command = ["ssh", "-F", str(SSH_CONFIG), account, "gerrit", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def changes(query: str) -> list[dict[str, Any]]:
    """Return what a query finds, the oldest change first."""
    lines = ssh("reviewer", "query", "--format=JSON", "--current-patch-set", query).stdout.splitlines()
    return sorted((json.loads(line) for line in lines if '"number"' in line), key=lambda change: int(change["number"]))


def vote(account: str, change: dict[str, Any], *votes: str) -> subprocess.CompletedProcess[str]:
    return ssh(account, "review", *votes, f"{change['number']},{change['currentPatchSet']['number']}")


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Path]:
    """What Gerrit sends the account of the tests while it happens, a line for each event."""
    seen = tmp_path / "events"
    command = ["ssh", "-F", str(SSH_CONFIG), "ci", "gerrit", "stream-events"]
    with seen.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        yield seen
        process.terminate()
        process.wait()


def test_the_bastion_knows_gerrits_key(sandbox: Sandbox) -> None:
    knocked = sandbox.on("bastion01", "ssh -o BatchMode=yes -p 29418 review01 gerrit version")
    assert "Permission denied" in knocked.output, knocked.output


@pytest.mark.usefixtures("sandbox")
def test_a_series_is_proposed_amended_voted_on_and_merged(events: Path, tmp_path: Path) -> None:
    topic = uuid4().hex
    clone = Clone(tmp_path / "clone")
    clone.folder.mkdir()
    clone.run("git", "clone", "--quiet", f"ssh://contributor/{PROJECT}", ".")
    clone.run("git", "remote", "add", "gerrit", f"ssh://contributor/{PROJECT}")
    clone.run("git", "review", "-s")
    clone.run("git", "checkout", "--quiet", "-b", "words")
    clone.commit("first", "one\n")
    clone.commit("second", "two\n")
    clone.run("git", "review", "-y", "-t", topic)
    first, second = changes(f"topic:{topic}")
    assert (first["branch"], second["currentPatchSet"]["number"]) == ("main", 1)

    def commented() -> bool:
        vote("reviewer", first, "--message=Hello")
        return '"comment-added"' in events.read_text()

    wait_for(commented, events.read_text)
    (clone.folder / "second").write_text("two, and more\n")
    clone.run("git", "commit", "--quiet", "--all", "--amend", "--no-edit")
    clone.run("git", "review", "-y")
    first, second = changes(f"topic:{topic}")
    assert [change["currentPatchSet"]["number"] for change in (first, second)] == [1, 2]

    for change in (first, second):
        assert vote("reviewer", change, "--code-review=+2", "--label=Workflow=+1").returncode == 0
        refused = vote("contributor", change, "--label=Verified=+1")
        assert refused.returncode, refused.stdout
    without = vote("reviewer", first, "--submit")
    assert "Verified" in without.stderr, without.stderr
    assert changes(f"topic:{topic} status:open") != []

    for change in (first, second):
        assert vote("ci", change, "--label=Verified=+1").returncode == 0
        merged = vote("reviewer", change, "--submit")
        assert merged.returncode == 0, merged.stderr
    assert changes(f"topic:{topic} status:open") == []
    clone.run("git", "fetch", "--quiet", "gerrit")
    assert clone.run("git", "show", "gerrit/main:second") == "two, and more\n"

    wait_for(lambda: events.read_text().count('"change-merged"') == 2, events.read_text)
    types = [json.loads(line)["type"] for line in events.read_text().splitlines()]
    assert {"patchset-created", "comment-added", "ref-updated"} <= set(types)
