"""The hosts of a scenario, and the runs of its playbook that tests make."""

from __future__ import annotations

import base64
import json
import os
import re
import textwrap
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import testinfra
import yaml

from strata import processes, warm
from strata.paths import ROOT
from strata.sandbox.hosts import Sandbox

if TYPE_CHECKING:
    from testinfra.host import Host

SANDBOX = Sandbox(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")

_OWN = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "converge.yml"
PLAYBOOK = _OWN if _OWN.exists() else ROOT / "molecule/shared/converge.yml"

os.environ.pop("ANSIBLE_FORCE_COLOR", None)
os.environ["ANSIBLE_NOCOLOR"] = "1"

# What a task gave back, as `ansible-playbook -v` prints it.
RESULT = re.compile(r"^(?:ok|changed|fatal): \[.*\](?:: FAILED!)? => *\n((?: {4}.*\n|\n)+)", re.MULTILINE)


def connect(name: str) -> Host:
    sockets = json.loads((SANDBOX.folder / "hosts.json").read_text())["control_path"].replace("%%", "%")
    # In the address, testinfra leaves these arguments out without a word, and each command logs in anew.
    shared = f"-oControlMaster=auto -oControlPersist=10m -oControlPath={sockets}"
    return testinfra.get_host(f"ssh://{name}?ssh_config={SANDBOX.ssh_config}", ssh_extra_args=shared)


@dataclass(frozen=True)
class Run:
    """What a run of a playbook did: exit code, count of changed tasks, remote calls, output, and its tasks' results."""

    rc: int
    changed: int
    calls: int
    output: str
    results: list[dict[str, Any]] = field(default_factory=list)
    fingerprints: list[dict[str, str]] = field(default_factory=list)

    @property
    def said(self) -> str:
        """The output on one line."""
        return one_line(self.output)

    @property
    def message(self) -> str:
        """The message of the task that failed, on one line."""
        return one_line(str(self.results[-1]["msg"]))


def unpacked(fingerprint: str) -> dict[str, str]:
    """Return what the module host_fingerprint found, by kind and name."""
    found: dict[str, str] = json.loads(zlib.decompress(base64.b64decode(fingerprint)))
    return found


def one_line(text: str) -> str:
    """Return output without the line breaks and doubled quotes that Ansible and YAML put in."""
    return " ".join(text.replace("\\n", " ").split()).replace("''", "'")


class Play:
    """A run of a playbook on one host alone, in a process of its own."""

    def __init__(self, playbook: Path, target: str, record: Path, *flags: str, **variables: Any) -> None:
        """Start it; `record` is the file that it is recorded in."""
        self.target, self.record = target, record
        inventory = os.environ["MOLECULE_INVENTORY_FILE"]
        arguments = ["-v", f"--inventory={inventory}", f"--limit={target}", *flags]
        arguments += [f"--extra-vars={json.dumps(variables)}", str(playbook)]
        self.output = record.with_suffix(".log")
        # Without molecule's own record of runs.
        environment = {name: value for name, value in os.environ.items() if name != "STRATA_RUN_RECORDS"}
        self.process = warm.start(arguments, environment | {"STRATA_RUN_RECORD": str(record)}, self.output)

    def end(self) -> Run:
        """Wait for its end and return what it did."""
        code = self.process.wait()
        plays = json.loads(self.record.read_text())["plays"] if self.record.exists() else []
        mine = [play["hosts"][self.target] for play in plays if self.target in play["hosts"]]
        output = self.output.read_text()
        return Run(
            rc=code,
            changed=sum(len(did["changed"]) for did in mine),
            calls=sum(did["calls"] for did in mine),
            output=output,
            results=[yaml.safe_load(textwrap.dedent(text)) for text in RESULT.findall(output)],
            fingerprints=[unpacked(did["fingerprint"]) for did in mine if "fingerprint" in did],
        )

    def kill_after(self, seconds: float) -> None:
        """Kill it, with all processes that it started, unless it ends before."""
        if not self.process.has_ended(seconds):
            self.kill()

    def kill(self) -> None:
        """Kill it, with all processes that it started."""
        processes.kill_tree(self.process.pid)
        self.process.wait()
