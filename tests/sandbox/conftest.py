"""The sandbox under test: the hosts of inventories/sandbox, beside those that a contributor may have up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "test"


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    output: str

    def rows(self) -> dict[str, dict[str, str]]:
        """The table that `converge` closes with: changed, failed and remote calls, by host."""
        names = ("changed", "failed", "unreachable", "calls", "seconds")
        lines = (line.split() for line in self.output.splitlines() if "|" not in line)
        return {
            words[0]: dict(zip(names, words[-5:], strict=True))
            for words in lines
            if words[-3:-2] in (["False"], ["True"])
        }


class Sandbox:
    """The commands of a user."""

    def __init__(self) -> None:
        # Its hosts have the names of others, whose cache of facts it must not touch.
        facts = str(ROOT / ".strata/sandboxes" / NAME / "facts")
        self.environment = os.environ | {"STRATA_SANDBOX": NAME, "ANSIBLE_CACHE_PLUGIN_CONNECTION": facts}

    def run(self, *command: str, **environment: str) -> Done:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment | environment, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout + done.stderr)

    def strata(self, *arguments: str, **environment: str) -> Done:
        return self.run("bin/strata", *arguments, **environment)

    def ansible(self, program: str, *arguments: str, **environment: str) -> Done:
        path = str(Path(sys.executable).with_name(program))
        return self.run(path, "-i", "inventories/sandbox", *arguments, **environment)

    def on(self, host: str, command: str) -> Done:
        return self.strata("ssh", host, command)

    def status(self) -> dict[str, dict[str, Any]]:
        listing = json.loads(self.strata("status", "--json").output)
        return {host["name"]: host for host in listing["hosts"]}

    def fingerprint(self, host: str) -> str:
        """What is on a host: files with modes, owners and times, but not what Gerrit itself writes; packages, rules."""
        done = self.on(
            host,
            "find /etc /srv /usr/local /var/www -path '/srv/gerrit/[!be]*' -prune -o -path /srv/gerrit -o "
            "-printf '%p %M %U %G %s %T@ %l\\n' | sort; dpkg -l; "
            "iptables-save | grep ^-A; ip6tables-save | grep ^-A; systemctl show -p MainPID apache2",
        )
        assert done.code == 0, done.output
        return done.output


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox brought up from nothing, and taken down at the end, whatever happens."""
    sandbox = Sandbox()
    sandbox.strata("down")
    up = sandbox.strata("up")
    assert up.code == 0, up.output
    yield sandbox
    sandbox.strata("down")
