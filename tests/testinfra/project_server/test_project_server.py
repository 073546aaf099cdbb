"""What every host of the organisation has."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.paths import BIN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from testinfra.host import Host


@pytest.mark.parametrize("package", ["curl", "less", "lsof", "rsync"])
def test_packages(host: Host, package: str) -> None:
    assert host.package(package).is_installed


@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_the_firewall_rejects_what_no_role_opened(host: Host, program: str) -> None:
    rules = host.check_output(f"{program} -S strata-INPUT").splitlines()
    assert " -j REJECT " in rules[-1]
    assert not [rule for rule in rules if "--dport 80 " in rule]


def test_nobody_comes_in_with_a_password(host: Host) -> None:
    assert "passwordauthentication no" in host.check_output("sshd -T").splitlines()


def test_the_host_says_by_which_roles_it_is_managed(host: Host) -> None:
    facts = json.loads(host.check_output("/etc/ansible/facts.d/strata.fact"))
    assert {"project_server", "accounts", "sshd"} <= set(facts["roles"])


def test_admins_of_every_host_are_root_and_others_are_not(host: Host) -> None:
    assert host.run("su alice -c 'sudo -n id -un'").stdout == "root\n"
    assert host.run("su bob -c 'sudo -n id -un'").rc == 1


def test_preflight_gathers_what_ansible_gathers(target: str, tmp_path: Path) -> None:
    def facts(gather: str, *tasks: dict[str, object]) -> dict[str, object]:
        playbook = tmp_path / "facts.yml"
        copy = {"ansible.builtin.copy": {"content": "{{ ansible_facts | to_json }}", "dest": str(tmp_path / gather)}}
        play = {"hosts": target, "gather_facts": False, "tasks": [*tasks, copy | {"delegate_to": "localhost"}]}
        playbook.write_text(json.dumps([play]))
        settings = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_CACHE_PLUGIN": "memory"}
        command = [BIN / "ansible-playbook", f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}", playbook]
        subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True)
        found: dict[str, object] = json.loads((tmp_path / gather).read_text())
        return found

    theirs = facts("theirs", {"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "distribution"]}})
    ours = facts("ours", {"preflight": None})
    assert ours.pop("ssh_host_keys")
    assert ours.pop("strata_seen")
    assert ours
    assert ours == {name: theirs[name] for name in ours}
