"""`strata explain` and `strata secrets` against a real run, and secrets in what any verb prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from strata.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Sandbox

HOSTS = ["bastion01", "logs01", "review01", "static01", "static02"]

#: What Ansible makes up is not explained; neither is what the playbook of the test itself sets.
OF_ANSIBLE = {
    "_task",
    "environment",
    "group_names",
    "groups",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
    "playbook_root",
    "role_names",
}


@pytest.fixture(scope="module")
def seen(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """All variables as a debug task in the host's play of site.yml sees them, after preflight, by host."""
    folder = ROOT / ".strata/sandboxes/test/variables"
    folder.mkdir()
    plays = yaml.safe_load((ROOT / "site.yml").read_text())
    message = f"{{{{ lookup('every_variable', '{folder}') }}}}"
    for play in plays:
        play["vars"] = {"playbook_root": str(ROOT)}
        play["pre_tasks"].append({"ansible.builtin.debug": {"msg": message}, "tags": "always"})
    (folder / "site.yml").write_text(yaml.safe_dump(plays))
    plugins = f"{ROOT}/lookup_plugins:{ROOT}/tests/sandbox/plugins"
    # Of the roles, whose tasks are tagged with their names, nothing runs.
    done = sandbox.ansible(
        "ansible-playbook", str(folder / "site.yml"), "--tags=preflight", ANSIBLE_LOOKUP_PLUGINS=plugins
    )
    assert done.code == 0, done.output
    return {host: json.loads((folder / f"{host}.json").read_text()) for host in HOSTS}


@pytest.mark.parametrize("host", HOSTS)
def test_explain_agrees_with_a_real_run(sandbox: Sandbox, seen: dict[str, dict[str, Any]], host: str) -> None:
    done = sandbox.strata("explain", host, "--json", "--reveal")
    assert done.code == 0, done.output
    explained = json.loads(done.output)["variables"]
    expected = {
        name: found
        for name, found in seen[host].items()
        if name not in OF_ANSIBLE and (name in explained or not name.startswith("ansible_"))
    }
    assert sorted(explained) == sorted(expected)
    assert len(explained) > 200
    for name, found in expected.items():
        assert ("error" in explained[name]) == ("error" in found), name
        assert explained[name].get("value") == found.get("value"), name


def test_merged_values_are_what_the_collectors_get(sandbox: Sandbox) -> None:
    done = sandbox.strata("explain", "static01", "httpd_vhosts", "--json")
    found = json.loads(done.output)["variables"]["httpd_vhosts"]
    assert {part["role"] for part in found["parts"]} == {None, "ci_static_site", "project_static"}
    enabled = sandbox.on("static01", "ls /etc/apache2/sites-enabled").output
    assert all(vhost["name"] in enabled for vhost in found["merged"]["value"])


def test_secrets_of_the_sandbox_are_generated_outside_of_git(sandbox: Sandbox) -> None:
    done = sandbox.strata("secrets", "--json")
    assert done.code == 0, done.output
    found = {(each["host"], each["name"]): each["state"] for each in json.loads(done.output)["secrets"]}
    assert {found[host, "snmpd_community"] for host in HOSTS} == {"set"}
    secret = (ROOT / ".strata/sandboxes/test/secrets/snmpd_community").read_text().strip()
    assert len(secret) >= 20
    assert secret not in done.output
    assert sandbox.run("git", "status", "--porcelain", "--ignored=no").output.count(".strata") == 0


@pytest.fixture
def canaries(tmp_path: Path) -> dict[str, str]:
    """Secrets of each kind, in a private tree."""
    folder = tmp_path / "sandbox/host_vars"
    folder.mkdir(parents=True)
    values = {
        "snmpd_community": "canary-community",
        "snmpd_users": [{"name": "watcher", "auth_password": "canary-auth", "priv_password": "canary-priv"}],
        "project_server_snmp_v4hosts": ["198.51.100.7"],
        "project_server_mail_host": "static02",
        "exim_smarthost_user": "sender",
        "exim_smarthost_password": "canary-password",
        "exim_smarthost_tls": "verified",
    }
    (folder / "static01.yml").write_text(yaml.safe_dump(values))
    return {"STRATA_PRIVATE": str(tmp_path), "ANSIBLE_VERBOSITY": "3"}


def test_no_verb_shows_a_secret(sandbox: Sandbox, canaries: dict[str, str]) -> None:
    try:
        for arguments in (
            ("converge", "--limit", "static01", "--check", "--diff"),
            ("converge", "--limit", "static01", "--diff"),
            ("converge", "--limit", "static01", "--diff"),
            ("explain", "static01"),
            ("explain", "static01", "--json"),
            ("explain", "static01", "exim_smarthost_password"),
            ("secrets",),
            ("secrets", "--json"),
            ("status",),
        ):
            done = sandbox.strata(*arguments, **canaries)
            assert done.code == 0, done.output
            assert "canary" not in done.output, arguments
        conf = sandbox.on("static01", "cat /etc/snmp/snmpd.conf /etc/exim4/passwd.client").output
        assert all(secret in conf for secret in ("canary-community", "canary-auth", "canary-password"))
        kept = sandbox.run("grep", "-rl", "canary-", ".strata/sandboxes/test", ".strata/payloads")
        assert kept.output == ""
    finally:
        restored = sandbox.strata("converge", "--limit", "static01", "--diff", ANSIBLE_VERBOSITY="3")
    assert restored.code == 0, restored.output
    assert "canary" not in restored.output


def test_a_secret_that_is_missing_fails_before_the_first_task(sandbox: Sandbox) -> None:
    before = sandbox.fingerprint("static01")
    extra = json.dumps({"exim_smarthost_user": "sender"})
    done = sandbox.ansible("ansible-playbook", "site.yml", "--limit=static01", f"--extra-vars={extra}")
    assert done.code == 2, done.output
    assert "fatal: [static01]" in done.output
    assert "role exim: exim_smarthost_password is not set, but needed" in " ".join(done.output.split())
    assert sandbox.fingerprint("static01") == before


def test_what_hosts_export_comes_from_the_cache_of_facts(sandbox: Sandbox) -> None:
    """A single host is asked nothing, and knows of all others what runs saw there."""
    known = json.loads((ROOT / ".strata/sandboxes/test/hosts.json").read_text())["hosts"]
    lookup = "{{ query('exported', 'ssh_host_keys', max_age=86400) }}"
    done = sandbox.ansible("ansible", "bastion01", "-m", "debug", "-a", f"msg={lookup}")
    assert done.code == 0, done.output
    text = " ".join(done.output.split())
    assert all(known[host]["host_key"] in text for host in HOSTS)
    too_old = sandbox.ansible("ansible", "bastion01", "-m", "debug", "-a", f"msg={lookup.replace('86400', '-1')}")
    assert too_old.code == 2
    assert "ssh_host_keys is not known of bastion01 (seen " in " ".join(too_old.output.split())
