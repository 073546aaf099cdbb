"""The example of each role, which its README shows, checked by the preflight of a play that has the role."""

import json
import os
import subprocess
from typing import Any

import pytest

from strata.paths import BIN, ROOT
from strata.repository.roles import load_roles
from strata.repository.source import plain

ROLES = load_roles(ROOT)
FACTS = {"ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Check all examples in one run, each on a host with the name of its role; return what each play did."""
    folder = tmp_path_factory.mktemp("examples")
    plays = [
        {
            "hosts": name,
            "gather_facts": False,
            "pre_tasks": [{"name": "Preflight", "preflight": None, "tags": "always"}],
            "roles": [name],
        }
        for name in ROLES
    ]
    hosts = {name: plain(role.example) for name, role in ROLES.items()}
    (folder / "site.yml").write_text(json.dumps(plays))
    named = {"hosts": {"mail01.example.org": {}, "logs01.example.org": {}}}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "children": {"named": named}}}))
    command = [BIN / "ansible-playbook", "-i", folder / "hosts.json", folder / "site.yml", "--tags=preflight"]
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "STRATA_RUN_RECORD": str(folder / "record.json")}
    done = subprocess.run(
        [*command, f"--extra-vars={json.dumps(FACTS)}"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout + done.stderr)  # noqa: T201 - what preflight says is in no other place
    record = json.loads((folder / "record.json").read_text())
    return {host: did for play in record["plays"] for host, did in play["hosts"].items()}


@pytest.mark.parametrize("name", ROLES)
def test_example_passes_preflight(name: str, checked: dict[str, Any]) -> None:
    assert checked[name]["ok"] == 1
    assert not checked[name]["failed"]
