"""What a host says of itself."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING

from plays import SANDBOX

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

FACTS = "/etc/ansible/facts.d/strata.fact"


def test_whoever_logs_in_reads_it(target: str) -> None:
    command, *words = SANDBOX.ssh_command(target)
    done = subprocess.run([command, "-tt", *words], input="exit\n", capture_output=True, check=False, text=True)
    assert f"{target}: a host for trials" in done.stdout
    assert "Questions go to root@example.org." in done.stdout


def test_the_revision_is_that_of_the_checkout(host: Host) -> None:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    revision = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    facts = json.loads(host.check_output(FACTS))
    assert (facts["revision"], facts["roles"]) == (revision, ["host_info"])
    assert f"revision {revision}: " in host.file("/etc/motd").content_string


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


def test_a_new_revision_changes_nothing_else(
    converge: Callable[..., Run], fingerprint: Callable[[], dict[str, str]]
) -> None:
    before = fingerprint()
    assert converge(host_info_revision="0123456789ab").changed == 1
    after = fingerprint()
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    assert changed == {"path /etc/motd", f"path {FACTS}"}
    assert converge().changed == 1
