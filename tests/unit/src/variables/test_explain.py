"""Where values come from: every layer, which place wins and why, contributions, and who reads a variable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Data

ROOT = Path(__file__).parents[4]


def by(places: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    return [(place["layer"], place["owner"], place["line"]) for place in places]


def test_every_layer_is_there_with_its_line_and_the_last_one_wins(data: Data) -> None:
    data.write("hosts.yml", "all:\n  children:\n    static:\n      vars: {exim_mailname: a}\n      hosts: {web01: }\n")
    data.write("group_vars/all/b.yml", "# first\nexim_mailname: b\n")
    data.write("group_vars/static.yml", "exim_mailname: c\n")
    data.write("host_vars/web01.yml", "other: 1\nexim_mailname: >-\n  {{ inventory_hostname }}\n  d\n")
    found = data.one("exim_mailname")
    assert by(found["places"]) == [
        ("role defaults", "exim", 3),
        ("group_vars", "all", 2),
        ("group_vars", "static", 4),
        ("group_vars", "static", 1),
        ("host_vars", "web01", 2),
    ]
    assert [place["written"] for place in found["places"][1:4]] == ["b", "a", "c"]
    assert [place["wins"] for place in found["places"]] == [False, False, False, False, True]
    assert (found["value"], found["why"]) == ("web01 d", "host_vars come after group_vars")
    found = data.one("exim_mailname", "-e", "exim_mailname=e")
    assert (found["value"], found["why"]) == ("e", "extra vars come after host_vars")


def test_vars_of_a_role_win_over_an_inventory(data: Data) -> None:
    data.write("host_vars/web01.yml", "exim_type: internet\n")
    found = data.one("exim_type")
    assert (found["value"], found["why"]) == ("local", "role vars come after host_vars")
    assert found["places"][-1]["path"] == "roles/project_server/vars/main.yml"


GROUPS = {
    "all": {
        "children": {
            "static": {"children": {"deep": {"hosts": {"web01": None}}}},
            "zz": {"hosts": {"web01": None}},
            "aa": {"hosts": {"web01": None}, "vars": {"ansible_group_priority": 10}},
        }
    }
}


def test_it_agrees_with_ansible_inventory(data: Data) -> None:
    """Groups by depth, priority and name; several files of a group; variables beside the names."""
    data.write("hosts.yml", GROUPS)
    names = ["all", "static", "deep", "zz", "aa"]
    for at, name in enumerate(names):
        data.write(f"group_vars/{name}/one.yml", {f"v_{other}": name for other in names[: at + 1]} | {"last": name})
        data.write(f"group_vars/{name}/two.yml", {f"w_{name}": f"two {name}", "v_all": f"two {name}"})
    data.write("host_vars/web01.yml", {"v_zz": "host"})
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(data.folder), "--host", "web01"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {name: value for name, value in json.loads(done.stdout).items() if name.startswith(("v_", "w_", "last"))}
    found = data.explain()
    assert {name: found[name]["value"] for name in expected} == expected
    assert {name: found[name]["places"][-1]["written"] for name in expected} == expected
    assert len(expected) == 11
    assert "in the order of depth, priority and name" in found["last"]["why"]


def test_parts_of_a_collected_parameter_have_their_roles(data: Data) -> None:
    data.write("host_vars/web01.yml", "iptables_public_tcp_ports: ['8080']\n")
    found = data.one("iptables_public_tcp_ports")
    assert found["value"] == ["8080"]
    parts = {part["variable"]: (part["role"], part["value"]) for part in found["parts"]}
    assert parts["iptables_public_tcp_ports"] == (None, ["8080"])
    assert parts["exim__iptables_public_tcp_ports"] == ("exim", [])
    assert parts["httpd__iptables_public_tcp_ports"][0] == "httpd"
    assert {str(port) for _, ports in parts.values() for port in ports} == set(map(str, found["merged"]["value"]))
    assert len(found["merged"]["value"]) > 1


def test_who_reads_it(data: Data) -> None:
    uses = [(use["path"], use["line"]) for use in data.one("snmpd_contact")["uses"]]
    text = (ROOT / "roles/snmpd/templates/snmpd.conf.j2").read_text().splitlines()
    at = next(at for at, line in enumerate(text, 1) if line.startswith("sysContact"))
    assert uses == [("roles/snmpd/templates/snmpd.conf.j2", at)]
    assert data.one("inventory_hostname")["places"] == []


def test_what_cannot_be_evaluated_says_why(data: Data) -> None:
    data.write("host_vars/web01.yml", {"exim_mailname": "{{ nothing_like_it }}", "exim_domains": "{{ exim_mailname }}"})
    found = data.explain()
    assert found["exim_mailname"]["error"] == "'nothing_like_it' is undefined"
    assert found["exim_domains"]["error"] == "'nothing_like_it' is undefined"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["web10"], "there is no host 'web10': did you mean 'web01'?"),
        (["web01", "httpd_vhost"], "web01 has no variable 'httpd_vhost': did you mean 'httpd_vhosts'?"),
    ],
)
def test_what_there_is_not_is_named(data: Data, arguments: list[str], said: str) -> None:
    code, output = data.strata("explain", *arguments)
    assert code == 1
    assert output.endswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 1\na: 2\n", "host_vars/web01.yml:3: YAML parsing failed: Found duplicate mapping key 'a'."),
        ("a: {b: 1\nc: 2\n", "host_vars/web01.yml:2: YAML parsing failed: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(data: Data, text: str, said: str) -> None:
    data.write("host_vars/web01.yml", text)
    code, output = data.strata("explain", "web01")
    assert code == 1
    assert said in output


def test_a_person_can_read_it(data: Data) -> None:
    data.write("host_vars/web01.yml", "exim_mailname: mail.example.org\n")
    code, output = data.strata("explain", "web01", "exim_mailname")
    assert code == 0
    assert output.splitlines()[:3] == [
        "exim_mailname of web01:",
        "  mail.example.org",
        "set in (the last one wins: host_vars come after role defaults)",
    ]
    code, table = data.strata("explain", "web01")
    assert code == 0
    assert "mail.example.org" in next(line for line in table.splitlines() if "exim_mailname " in line)


def test_private_variables_come_last(data: Data) -> None:
    names = list(data.explain())
    assert names == sorted(names, key=lambda name: (name.startswith("_"), name))
    assert names[0][0] != "_" == names[-1][0]
