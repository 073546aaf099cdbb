"""What is a secret is not shown, whatever shows it, and which host has which secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Data

ROOT = Path(__file__).parents[4]

#: Encrypted with a key that nobody has.
VAULT = """!vault |
  $ANSIBLE_VAULT;1.2;AES256;production
  30386561336565653332353139366566613961306433323332323665373863313434346532636535
"""


def run(data: Data, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command line in a process of its own, as Ansible takes some settings once."""
    command = [sys.executable, "-m", "strata", *arguments, "-i", str(data.folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_a_role_declares_is_hidden_and_what_is_made_from_it(data: Data) -> None:
    users = [{"name": "me", "auth_password": "canary-auth", "priv_password": "canary-priv"}]
    data.write("group_vars/all.yml", {"snmpd_community": "canary-losing"})
    data.write(
        "host_vars/web01.yml",
        {
            "snmpd_community": "canary-one",
            "snmpd_users": users,
            "encoded": "{{ snmpd_community | b64encode }}",
            "twice": "{{ encoded }}",
            "elsewhere": "password=canary-auth",
            "exim_mailname": "example.org",
        },
    )
    for arguments in ([], ["--json"], ["snmpd_community"], ["elsewhere"], ["snmpd_users", "--json"]):
        code, output = data.strata("explain", "web01", *arguments)
        assert code == 0
        assert "canary" not in output
        assert "Y2FuYXJ5" not in output  # the same, encoded
    found = data.explain()
    assert found["snmpd_users"]["value"][0]["name"] == "me"
    assert {name: found[name]["value"] for name in ("snmpd_community", "encoded", "twice", "elsewhere")} == {
        "snmpd_community": "(secret)",
        "encoded": "(secret)",
        "twice": "(secret)",
        "elsewhere": "password=(secret)",
    }
    assert found["snmpd_community"]["secret"]
    assert not found["exim_mailname"]["secret"]
    assert data.one("snmpd_community", "--reveal")["value"] == "canary-one"
    assert data.one("twice", "--reveal")["value"] == "Y2FuYXJ5LW9uZQ=="


def test_what_is_encrypted_needs_no_key(data: Data) -> None:
    text = f"plain: 1\nhidden: {VAULT}inner:\n  - name: me\n    word: {VAULT.replace('  ', '      ')}"
    data.write("host_vars/web01.yml", text + "length: '{{ hidden | length }}'\nwho: '{{ inner[0].name }}'\n")
    found = data.explain()
    assert {name: found[name]["value"] for name in ("plain", "hidden", "inner", "length", "who")} == {
        "plain": 1,
        "hidden": "(secret)",
        "inner": [{"name": "me", "word": "(secret)"}],
        "length": "(secret)",
        "who": "me",
    }
    revealed = data.explain("--reveal")
    assert revealed["plain"]["value"] == 1
    assert "decrypt" in revealed["hidden"]["error"]


@pytest.mark.parametrize("is_file", [False, True])
def test_the_private_tree_is_on_top_and_hidden(data: Data, tmp_path: Path, is_file: bool) -> None:
    private = tmp_path / "private" / data.folder.name
    (private / "group_vars").mkdir(parents=True)
    (private / "group_vars/static.yml").write_text("exim_mailname: canary.example.org\nexim_domains: [canary]\n")
    data.write("group_vars/static.yml", "exim_mailname: a\n")
    data.write("host_vars/web01.yml", "exim_domains: [b]\n")
    if is_file:
        data.folder = data.folder / "hosts.yml"
    environment = {"STRATA_PRIVATE": str(private.parent)}
    code, output = run(data, "explain", "web01", "--json", **environment)
    assert (code, "canary" in output) == (0, False), output
    found = json.loads(output)["variables"]
    assert found["exim_mailname"]["value"] == "(secret)"
    assert found["exim_mailname"]["places"][-1]["path"] == str(private / "group_vars/static.yml")
    code, output = run(data, "explain", "web01", "--json", "--reveal", **environment)
    found = json.loads(output)["variables"]
    assert found["exim_mailname"]["value"] == "canary.example.org"
    assert found["exim_domains"]["value"] == ["b"], "a variable of a host still wins over one of a group"
    assert data.one("exim_mailname")["value"] == "a", "without the private tree"


def test_a_private_tree_that_is_not_there_is_named(data: Data, tmp_path: Path) -> None:
    code, output = run(data, "explain", "web01", STRATA_PRIVATE=str(tmp_path / "gone"))
    assert code == 1
    assert f"STRATA_PRIVATE: {tmp_path / 'gone'} is not a folder" in output
    assert "Traceback" not in output


def states(data: Data) -> tuple[int, dict[str, tuple[str, str]]]:
    code, output = data.strata("secrets", "--json")
    assert "canary" not in output
    found: list[dict[str, Any]] = json.loads(output)["secrets"]
    return code, {each["name"]: (each["state"], each["place"] or each["reason"]) for each in found}


def test_which_host_has_which_secret(data: Data) -> None:
    code, found = states(data)
    assert code == 0
    assert found["exim_smarthost_password"] == ("not needed", "")
    data.write("host_vars/web01.yml", {"exim_smarthost_user": "me", "snmpd_users": [{"name": "a"}]})
    code, found = states(data)
    assert code == 1
    assert found["exim_smarthost_password"] == ("missing", "exim_smarthost_user logs in with it")
    place = str(data.folder / "host_vars/web01.yml")
    assert found["snmpd_users[0].auth_password"] == ("missing", f"{place}:2")
    users = "- {name: a, auth_password: canary, priv_password: canary}"
    data.write("host_vars/web01.yml", f"exim_smarthost_password: {VAULT}snmpd_users:\n{users}\n")
    code, found = states(data)
    assert code == 0
    assert found["exim_smarthost_password"] == ("set", f"{place}:1")
    assert found["snmpd_users[0].priv_password"] == ("set", f"{place}:4")


def test_a_table_of_secrets_has_none(data: Data) -> None:
    data.write("host_vars/web01.yml", {"snmpd_community": "canary"})
    code, output = data.strata("secrets")
    assert code == 0
    assert "canary" not in output
    assert "host_vars/web01.yml:1" in "".join(output.split())  # a table is no wider than a page


def test_who_has_the_keys_can_see_what_is_encrypted(data: Data, tmp_path: Path) -> None:
    ids = []
    text = ""
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"the key of {name}")
        ids.append(f"{name}@{tmp_path / name}")
        command = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt_string", "--vault-id", ids[-1]]
        done = subprocess.run(
            [*command, "-n", f"of_{name}", f"canary {name}"], capture_output=True, text=True, check=True
        )
        text += done.stdout
    data.write("host_vars/web01.yml", f"{text}both: '{{{{ of_one }}}} and {{{{ of_two }}}}'\n")
    environment = {"ANSIBLE_VAULT_IDENTITY_LIST": ",".join(ids)}
    code, output = run(data, "explain", "web01", "--json", **environment)
    assert (code, "canary" in output) == (0, False)
    code, output = run(data, "explain", "web01", "both", "--reveal", **environment)
    assert (code, output.splitlines()[1]) == (0, "  canary one and canary two")


SECRET = "hunter2hunter2"


#: How a variable may read those of another host.
READS = {
    "subscript": "{{ hostvars['web02'].exim_smarthost_password }}",
    "computed": "{{ hostvars.web02.copied }}",
    "all": "{{ hostvars.values() | map(attribute='exim_smarthost_password', default='') | list }}",
    "extract": "{{ ['web02'] | map('extract', hostvars, 'copied') | join }}",
    "exported": "{{ query('exported', 'copied', groups=['static']) }}",
    "key": "{{ hostvars['web02'].accounts_users[0].password }}",
}


def test_secrets_of_other_hosts_are_hidden_too(data: Data) -> None:
    data.write("hosts.yml", {"all": {"children": {"static": {"hosts": {"web01": None, "web02": None}}}}})
    users = [{"name": "jane", "password": f"$6${SECRET}"}]
    theirs = {
        "exim_smarthost_password": SECRET,
        "copied": "from {{ exim_smarthost_password }}",
        "accounts_users": users,
    }
    data.write("host_vars/web02.yml", {**theirs, "open": "to see"})
    with (data.folder / "host_vars/web02.yml").open("a") as stream:
        stream.write(f"locked: {VAULT}")
    ours = {"locked_there": "{{ hostvars.web02.locked }}", "sees": "{{ hostvars.web02.open }}"}
    data.write("host_vars/web01.yml", {"copied": "none", **READS, **ours})
    shown, revealed = data.explain(), data.explain("--reveal")
    assert SECRET not in json.dumps(shown)
    assert (shown["sees"]["value"], shown["locked_there"]["value"]) == ("to see", "(secret)")
    assert {name: SECRET in json.dumps(revealed[name]) for name in READS} == dict.fromkeys(READS, True)
    assert {name: shown[name]["secret"] for name in READS} == dict.fromkeys(READS, True)


def test_a_secret_of_a_role_that_the_host_does_not_have_is_hidden(data: Data) -> None:
    data.write("group_vars/all.yml", {"gerrit_ldap_password": SECRET})
    assert SECRET not in data.strata("explain", "web01")[1]
