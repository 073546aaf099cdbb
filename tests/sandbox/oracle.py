"""Compares catalogs with what a run of ansible-playbook has sent to modules, as plugins/module_calls.py records it.

`python tests/sandbox/oracle.py` records a run for the site of vectors.py and for the scenario of each role, or for
those named, in which modules are not called but only recorded, and tells what differs. Needs no hosts; takes 5 s a
scenario. Called with a file that the plugin has written, it compares the catalogs of the sandbox with that.
"""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from vectors import SITE

from strata.catalog.compile import Compiler
from strata.paths import BIN, ROOT
from strata.sandbox.declared import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable

PLUGINS = Path(__file__).with_name("plugins")

#: The name of the site in vectors.py, among those of scenarios.
VECTORS = "vectors"

#: What the scenarios' hosts say of themselves.
RELEASES = {
    "debian-12": {"distribution_release": "bookworm", "distribution_version": "12.13"},
    "debian-13": {"distribution_release": "trixie", "distribution_version": "13.8"},
}


@dataclass
class Report:
    """What was compared: resources by role, those that may be or are left to Ansible, and what differs."""

    resources: collections.Counter[str] = field(default_factory=collections.Counter)
    unknown: int = 0
    left: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.resources.update(other.resources)
        self.unknown, self.left = self.unknown + other.unknown, self.left + other.left
        self.differences += other.differences

    def __str__(self) -> str:
        roles = ", ".join(f"{role} {count}" for role, count in sorted(self.resources.items()))
        total = f"{self.resources.total()} resources, {self.unknown} unknown, {self.left} left to Ansible"
        return f"{total}, {len(self.differences)} differences ({roles})"


def compare(compiler: Compiler, calls: Path, hosts: Iterable[str]) -> Report:
    """Compare the catalogs of hosts with the recorded first calls of their tasks."""
    from strata.catalog.core.actions import full_name  # noqa: PLC0415 - slow, as all of Ansible

    recorded = collections.defaultdict(list)
    for line in calls.read_text().splitlines():
        call = json.loads(line)
        if call["first"]:
            recorded[call["host"]].append(call)
    report = Report()
    for host in hosts:
        catalog = compiler.catalog(host)
        if catalog.refused:
            report.differences.append(f"{host}: refused: {catalog.refused}")
            continue
        sent = recorded[host]
        if len(sent) != len(catalog.resources):
            report.differences.append(f"{host}: {len(catalog.resources)} resources, but {len(sent)} calls")
        for resource, call in zip(catalog.resources, sent, strict=False):
            report.resources[resource.role] += 1
            report.unknown += bool(resource.unknown)
            report.left += not resource.runnable
            become = resource.become["user"] if resource.become else ""
            around = (resource.role, become, resource.environment, resource.delegate_to)
            told = (resource.module, around, resource.args)
            layers = call["environment"] if isinstance(call["environment"], list) else [call["environment"]]
            merged = {name: f"{value}" for layer in layers for name, value in (layer or {}).items()}
            real = (
                full_name(call["module"]),
                (call["role"], call["become"], merged, call["delegate_to"]),
                call["args"],
            )
            if resource.runnable and not resource.unknown and _canonical(told) != _canonical(real):
                report.differences.append(f"{host}: {resource.place}: {_first(told, real)}")
            elif not call["task"].endswith(f"/{resource.place}"):
                report.differences.append(f"{host}: {resource.place} is compiled where {call['task']} is run")
    return report


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _first(told: tuple[Any, Any, dict[str, Any]], real: tuple[Any, Any, dict[str, Any]]) -> str:
    if told[:2] != real[:2]:
        return f"{told[:2]} instead of {real[:2]}"
    names = sorted(told[2].keys() | real[2].keys())
    name = next(name for name in names if _canonical(told[2].get(name)) != _canonical(real[2].get(name)))
    return f"{name}: {str(told[2].get(name))[:300]!r} instead of {str(real[2].get(name))[:300]!r}"


def scenario(role: str, folder: Path) -> Report:
    """Compare the catalogs of a scenario's targets with a run that calls no module."""
    os.environ |= {
        "MOLECULE_PROJECT_DIRECTORY": str(folder),
        "MOLECULE_SCENARIO_NAME": role,
        "MOLECULE_SCENARIO_DIRECTORY": str(ROOT / "molecule" / role),
    }
    inventory = folder / "inventory.yml"
    _inventory(role, folder, inventory)
    own = ROOT / "molecule" / role / "converge.yml"
    return stubbed(folder, ROOT, inventory, own if own.exists() else ROOT / "molecule/shared/converge.yml")


def vectors(folder: Path) -> Report:
    """Compare the catalogs of a site that has each kind of task with a run that calls no module."""
    for path, text in SITE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "facts").mkdir()
    return stubbed(folder, folder, folder / "hosts.yml", folder / "site.yml")


def stubbed(folder: Path, tree: Path, inventory: Path, playbook: Path) -> Report:
    """Compare the catalogs of all hosts of an inventory with a run that calls no module, with the facts of a folder."""
    calls, facts = folder / "calls", folder / "facts"
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "STRATA_MODULE_CALLS": str(calls),
        "STRATA_MODULE_STUB": "1",
        "ANSIBLE_CALLBACK_PLUGINS": f"{ROOT / 'callback_plugins'}:{PLUGINS}",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts),
        "ANSIBLE_LIBRARY": f"{ROOT / 'library'}:{ROOT / 'molecule/shared/library'}",
    }
    command = [BIN / "ansible-playbook", "-i", inventory, playbook, "--check"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return Report(differences=[f"{playbook}: the run fails: {done.stdout[-1500:]}{done.stderr[-500:]}"])
    compiler = Compiler(inventory, tree=tree, playbook=playbook, facts=facts)
    return compare(compiler, calls, [host for host in compiler.hosts if f'"{host}"' in calls.read_text()])


def _inventory(role: str, folder: Path, inventory: Path) -> None:
    """Write what molecule and `create` would."""
    facts = folder / "facts"
    shared = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
    own = yaml.safe_load((ROOT / "molecule" / role / "molecule.yml").read_text())
    groups: dict[str, Any] = collections.defaultdict(lambda: {"hosts": {}})
    hosts: dict[str, Any] = {}
    facts.mkdir()
    declared = own.get("provisioner", {}).get("inventory", {})
    for at, platform in enumerate(own["platforms"], 10):
        name = platform["name"]
        hosts[name] = {"address": f"192.0.2.{at}", "address6": f"2001:db8::{at}", "host_key": "ssh-ed25519 AAAA"}
        for group in platform["groups"]:
            groups[group]["hosts"][name] = declared.get("host_vars", {}).get(name, {})
        release = RELEASES[platform["image"]]
        said = {"distribution": "Debian", "os_family": "Debian", "ssh_host_keys": [], "strata_seen": 1, **release}
        said["distribution_major_version"] = release["distribution_version"].partition(".")[0]
        (facts / f"s1_{name}").write_text(json.dumps({"__payload__": json.dumps(said)}))
    for group, values in declared.get("group_vars", {}).items():
        groups[group]["vars"] = values
    common = shared["provisioner"]["inventory"]["group_vars"]["all"] | groups.pop("all", {}).get("vars", {})
    inventory.write_text(yaml.safe_dump({"all": {"vars": common, "children": dict(groups)}}))
    state = folder / f".strata/sandboxes/molecule-{role}"
    state.mkdir(parents=True)
    for given in re.findall(r"strata_sandbox ~ '/([\w.]+)'", (ROOT / "molecule" / role / "molecule.yml").read_text()):
        (state / given).write_text(f"{given}, which the scenario's prepare.yml makes\n")
    described = {"hosts": hosts, "resolvers": ["192.0.2.1"], "control_path": f"{folder}/control"}
    (state / "hosts.json").write_text(json.dumps(described))
    (folder / "project-config").symlink_to(ROOT / "project-config")


def sandbox(calls: Path) -> Report:
    """Compare the catalogs of the sandbox's hosts with a run of site.yml."""
    compiler = Compiler(SOURCE)
    return compare(compiler, calls, compiler.hosts)


def main(roles: list[str]) -> int:
    """Compare the scenarios of roles, of all if none are named, each in a process of its own; or the sandbox."""
    if len(roles) == 1:
        with tempfile.TemporaryDirectory() as folder:
            if Path(roles[0]).is_file():
                found = sandbox(Path(roles[0]))
            else:
                found = vectors(Path(folder)) if roles[0] == VECTORS else scenario(roles[0], Path(folder))
        print(f"{roles[0]}: {found}", *found.differences, sep="\n  ")  # noqa: T201
        return bool(found.differences)
    known = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    names = roles or [VECTORS, *known]
    codes = [subprocess.run([sys.executable, __file__, name], check=False).returncode for name in names]
    print(f"{codes.count(0)} of {len(codes)} are equal")  # noqa: T201
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
