"""What a host says of itself."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING

from plays import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from plays import Run
    from testinfra.host import Host

FACTS = "/etc/ansible/facts.d/strata.fact"


def test_whoever_logs_in_reads_it(target: str) -> None:
    command, *words = SANDBOX.ssh_command(target)
    done = subprocess.run([command, "-tt", *words], input="exit\n", capture_output=True, check=False, text=True)
    assert f"{target}: a host for trials" in done.stdout
    assert "Questions go to root@example.org." in done.stdout


def test_facts_have_the_roles(host: Host) -> None:
    assert json.loads(host.check_output(FACTS))["roles"] == ["host_info"]


def test_facts_tell_when_a_run_was_last_there(host: Host, converge: Callable[..., Run]) -> None:
    before = int(host.check_output("date +%s"))
    converge("--check")
    assert last_converge(host) <= before
    assert converge().changed == 0
    assert before <= last_converge(host) <= int(host.check_output("date +%s"))


def test_facts_of_a_host_that_was_just_booted_know_of_no_run(host: Host) -> None:
    host.check_output("rm /run/strata-locks/host_info.lock")
    assert json.loads(host.check_output(FACTS))["last_converge"] is None


def last_converge(host: Host) -> int:
    said = json.loads(host.check_output(FACTS))["last_converge"]
    return int(datetime.fromisoformat(said).timestamp())


def test_a_new_commit_changes_nothing(
    converge: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Git says another revision of the checkout: that is no state of a host."""
    git = ["git", "-c", "user.name=Jane", "-c", "user.email=jane@example.org", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Another"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert converge().changed == 0
