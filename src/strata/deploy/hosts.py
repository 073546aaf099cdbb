"""What is done to hosts: they are asked for their plans, and Ansible applies site.yml to one."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from strata import processes
from strata.catalog.compile import Compiler
from strata.paths import BIN
from strata.plan.hosts import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strata.plan.result import HostPlan


@dataclass(frozen=True)
class Applied:
    """What Ansible did on a host: the tasks that changed something, and why it failed, "" if it did not."""

    changed: tuple[str, ...] = ()
    wrong: str = ""
    unreachable: bool = False


class Hosts(Protocol):
    """What a run does to hosts."""

    def plan(self, hosts: Sequence[str]) -> list[HostPlan]:
        """Return the plans of hosts. Raises StrataError."""

    def apply(self, host: str, log: Path) -> Applied:
        """Apply site.yml to a host, and write what Ansible says to a log. Raises Interrupted."""


@dataclass(frozen=True)
class AnsibleHosts:
    """The hosts of an inventory, and the checkout whose site.yml they get."""

    root: Path
    source: Path
    commit: str
    at_once: int
    seconds: int
    _compiling: threading.Lock

    def plan(self, hosts: Sequence[str]) -> list[HostPlan]:
        """Return the plans of hosts, with what they last told of themselves. Raises StrataError."""
        with self._compiling:  # Ansible is for one thread
            compiler = Compiler(self.source, tree=self.root, revision=self.commit)
            return plan(compiler, hosts, self.at_once)

    def apply(self, host: str, log: Path) -> Applied:
        """Apply site.yml to a host, and write what Ansible says to a log. Raises Interrupted."""
        # Killed with us, so that the next run does not meet it.
        command = ["setpriv", "--pdeathsig", "TERM", str(BIN / "ansible-playbook"), "-i", str(self.source)]
        command += ["--diff", "--limit", host, "site.yml"]
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder, "record.json")
            environment = os.environ | {
                "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "brief",
                "STRATA_RUN_RECORD": str(record),
            }
            with (
                log.open("a", encoding="utf-8") as stream,
                processes.started(
                    command, cwd=self.root, env=environment, stdout=stream, stderr=subprocess.STDOUT
                ) as process,
            ):
                try:
                    code = process.wait(self.seconds)
                except subprocess.TimeoutExpired:
                    processes.end(process)
                    return Applied(wrong=f"Ansible did not end within {self.seconds} s, and was ended: {log}")
            text = record.read_text(encoding="utf-8") if record.exists() else '{"plays": []}'
        return applied(host, code, json.loads(text)["plays"], log)


def hosts(root: Path, source: Path, commit: str, at_once: int, seconds: int) -> AnsibleHosts:
    """Return the hosts of an inventory.

    Args:
        root: the checkout of a commit.
        source: the inventory.
        commit: which one it is.
        at_once: how many hosts are asked for their plans at the same time.
        seconds: how long Ansible may take for one.

    """
    return AnsibleHosts(root, source, commit, at_once, seconds, threading.Lock())


def applied(host: str, code: int, plays: Sequence[dict[str, Any]], log: Path) -> Applied:
    """Return what Ansible did on a host by its exit code and the record of its plays."""
    found = [play["hosts"][host] for play in plays if host in play["hosts"]]
    changed = tuple(task for each in found for task in each["changed"])
    failed = [task for each in found for task in each["failed"]]
    if any(each["unreachable"] for each in found):
        return Applied(changed, f"it could not be reached any more: {log}", unreachable=True)
    if failed:
        return Applied(changed, f"{failed[0]} failed: {log}")
    if code or not found:
        return Applied(changed, f"Ansible ended with exit code {code}, and not by a task: {log}")
    return Applied(changed)
