"""Preflight and the contributions lookup, as a run of ansible-playbook shows them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible.errors import AnsibleError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]

spec = importlib.util.spec_from_file_location("preflight", ROOT / "action_plugins/preflight.py")
preflight = importlib.util.module_from_spec(spec)
spec.loader.exec_module(preflight)

COLLECTOR = {
    "web_sites": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "template": {"type": "str"},
            "port": {"type": "int"},
        },
    },
    "web_ports": {"type": "list", "elements": "int"},
    "web_password": {"type": "str", "no_log": True},
    "web_pins": {"type": "list", "elements": "int", "no_log": True},
}


@dataclass
class Site:
    """A folder with a playbook and two roles: `web` collects what `docs`, which depends on it, contributes."""

    folder: Path
    facts: dict[str, str] = field(default_factory=lambda: {"distribution": "Debian", "distribution_release": "trixie"})
    inventory: str = "hosts.yml"

    def write(self, path: str, content: object) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    def role(self, name: str, options: object, defaults: object, dependencies: list[str]) -> None:
        self.write(f"roles/{name}/meta/argument_specs.yml", {"argument_specs": {"main": {"options": options}}})
        self.write(f"roles/{name}/meta/main.yml", {"dependencies": dependencies})
        self.write(f"roles/{name}/defaults/main.yml", defaults)

    def run(self, *arguments: str, **settings: str) -> tuple[int, str]:
        """Run the playbook on a host that does not exist; return exit code and output."""
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            **settings,
        }
        facts = json.dumps({"ansible_facts": self.facts} if self.facts else {})
        done = subprocess.run(
            ["ansible-playbook", "-i", self.inventory, "--extra-vars", facts, "site.yml", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # Long texts are shown wrapped, as YAML: their quotes are doubled.
        return done.returncode, " ".join((done.stdout + done.stderr).split()).replace("''", "'")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    preflight = {"name": "Preflight", "preflight": None, "tags": ["always"]}
    site.write("site.yml", [{"hosts": "all", "pre_tasks": [preflight], "roles": ["docs"]}])
    site.write("hosts.yml", {"all": {"hosts": {"web01": {"ansible_host": "192.0.2.1"}}}})
    site.role("web", COLLECTOR, {"web_sites": [], "web_ports": [80]}, [])
    contribution = [{"name": "docs.example.org", "template": "docs.j2", "port": 8080}]
    option = {"docs__web_sites": {"type": "list", "elements": "dict"}}
    site.role("docs", option, {"docs__web_sites": contribution}, ["web"])
    site.write("roles/docs/templates/docs.j2", "{{ item.name }} on {{ item.port }}")
    return site


def test_what_is_right_passes_without_a_connection_when_facts_are_given(site: Site) -> None:
    code, output = site.run()
    assert code == 0, output


def test_parameters_may_depend_on_the_release(site: Site) -> None:
    site.write("host_vars/web01.yml", {"web_ports": "{{ {'trixie': [80]}[ansible_facts.distribution_release] }}"})
    assert site.run()[0] == 0
    site.facts["distribution_release"] = "bookworm"
    code, output = site.run()
    assert code == 2
    assert "web_ports cannot be evaluated" in output


def test_what_the_cache_knows_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.facts.clear()
    site.write("host_vars/web01.yml", {"ansible_connection": "local"})
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "cache")}
    assert site.run(**cache)[0] == 0
    (file,) = (tmp_path / "cache").iterdir()
    fresh = file.read_text()
    stale = json.loads(json.loads(fresh)["__payload__"]) | {"distribution": "Before", "other": "{{ 1 + 1 }}"}
    file.write_text(json.dumps({"__payload__": json.dumps(stale)}))
    site.write("roles/web/tasks/main.yml", [{"ansible.builtin.debug": {"msg": "{{ ansible_facts.other }}"}}])
    code, output = site.run(**cache)
    assert (code, "{{ 1 + 1 }}" in output) == (0, True), output
    before, after = (json.loads(json.loads(text)["__payload__"]) for text in (fresh, file.read_text()))
    assert time.time() - 60 < before["strata_seen"] <= after["strata_seen"] <= time.time()
    assert after == before | {"other": "{{ 1 + 1 }}", "strata_seen": after["strata_seen"]}


def test_a_host_that_does_not_answer_is_unreachable(site: Site) -> None:
    site.facts.clear()
    site.write("host_vars/web01.yml", {"ansible_host": "localhost", "ansible_port": 1})
    code, output = site.run()
    assert code == 4
    assert "unreachable=1" in output


DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
# a comment, and a line without a value
DEBIAN_VERSION="""


@pytest.mark.parametrize(
    ("text", "version"), [(f"{DEBIAN}12.11\n", "12.11"), (f"{DEBIAN}bookworm/sid\n", "12"), (f"{DEBIAN}120.1\n", "12")]
)
def test_facts_about_the_distribution(text: str, version: str) -> None:
    assert preflight.platform_facts(text) == {
        "distribution": "Debian",
        "distribution_release": "bookworm",
        "distribution_version": version,
        "distribution_major_version": "12",
        "os_family": "Debian",
    }


@pytest.mark.parametrize(
    "text", ["", "NAME=\nDEBIAN_VERSION=13\n", "NAME='Debian\nDEBIAN_VERSION=13\n", "NAME=Debian\n"]
)
def test_a_host_that_does_not_say_what_it_runs(text):
    with pytest.raises(AnsibleError, match="don't say what it runs"):
        preflight.platform_facts(text)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (1, True), (65535, True), ("6000:6010", True), ("80", True), (None, True), ("", True), ([], True),
        (0, False), (65536, False), (-1, False), ("6010:6000", False), ("80:65536", False), ("http", False),
        ("1:2:3", False), ([80, 0], False),
    ],
)  # fmt: skip
def test_ports(value, right):
    assert (list(preflight.port_problems("web_ports", value, {})) == []) is right
    assert list(preflight.port_problems("web_reports", value, {})) == []


def test_numbers_beyond_the_range_of_a_role_are_told() -> None:
    option = {"options": {"age": {"type": "int"}, "key": {"type": "int", "no_log": True}}}
    ranges = {"web_age": [1, 100], "web_sites.age": [0, 50], "web_sites.key": [0, 1]}
    assert [list(preflight.range_problems("web_age", value, {}, ranges)) for value in (1, 100, None, "x")] == [[]] * 4
    assert list(preflight.range_problems("web_age", "101", {}, ranges)) == ["web_age 101: it goes from 1 to 100"]
    sites = [{"age": 50, "key": 9}, {"age": -1}, {}]
    assert list(preflight.range_problems("web_sites", sites, option, ranges)) == [
        "web_sites.age -1: it goes from 0 to 50"
    ]


@pytest.mark.parametrize(
    ("openings", "rules", "open_"),
    [
        ([2222], [], True),
        (["2000:3000"], [], True),
        ([22, "6000:6010"], [], False),
        ([{"hostname": "192.0.2.1", "port": "2222"}], [], True),
        ([{"group": "web", "port": "2222", "protocol": "udp"}], [], False),
        ([], ["-p tcp --dport 22 -j ACCEPT", "-p tcp --dport 2222 -j DROP"], False),
        ([], ["-p tcp -m multiport --dports 22,2222 -j ACCEPT"], True),
        ([], ["-s 192.0.2.0/24 -j ACCEPT"], True),
        ([], ["-p tcp --dport ssh -j ACCEPT"], True),
    ],
)
def test_a_port_that_may_be_open(openings: list[object], rules: list[str], open_: bool) -> None:
    assert preflight.lets_in(2222, openings, rules) is open_


def test_a_port_of_ansible_that_the_firewall_does_not_open_is_named(site: Site) -> None:
    ports = {"type": "list", "elements": "str"}
    options = dict.fromkeys(("iptables_ssh_ports", "iptables_public_tcp_ports", "iptables_addresses"), ports)
    site.role("iptables", options, {"iptables_ssh_ports": [22], "iptables_public_tcp_ports": [80]}, [])
    site.role("web", COLLECTOR, {"web_sites": [], "web_ports": [80]}, ["iptables"])
    hosts = {
        "web01": {"ansible_host": "192.0.2.1", "ansible_port": 2222},
        "web02": {"ansible_host": "192.0.2.2", "ansible_port": 2222, "iptables_public_tcp_ports": ["2000:3000"]},
        "web03": {"ansible_host": "192.0.2.3", "ansible_port": 2222, "iptables_addresses": ["198.51.100.3"]},
        "web04": {"ansible_host": "127.0.0.1", "ansible_port": 2222},
        "web05": {"ansible_host": "192.0.2.5", "ansible_port": 2222, "iptables_addresses": ["192.0.2.5"]},
    }
    site.write("hosts.yml", {"all": {"hosts": hosts}})
    code, output = site.run()
    assert code == 2
    for name in ("web01", "web05"):
        assert f"ansible_port of {name} is 2222, which the host's firewall does not open: write" in output
        assert f"`iptables_ssh_ports: [22, 2222]` for {name}, or, if" in output
    assert [name for name in ("web02", "web03", "web04") if f"ansible_port of {name}" in output] == []


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (f"ssh-ed25519 {KEY} root@web01\n", [f"ssh-ed25519 {KEY}"]),
        (f"ssh-rsa {KEY}==\necdsa-sha2-nistp256 {KEY}", [f"ssh-rsa {KEY}==", f"ecdsa-sha2-nistp256 {KEY}"]),
        (f"ssh-ed25519 {KEY} {{{{ lookup('pipe', 'id') }}}}\n", [f"ssh-ed25519 {KEY}"]),
        (f"ssh-ed25519 {{{{ 1 }}}}\nweb02 ssh-ed25519 {KEY}\n*\tssh-rsa {KEY}\n@revoked * ssh-rsa {KEY}\n", []),
        (f"ssh-ed25519 {KEY}\rweb02 ssh-rsa {KEY}\n", [f"ssh-ed25519 {KEY}"]),
        ("", []),
    ],
)
def test_of_what_a_host_says_only_keys_count(text: str, keys: list[str]) -> None:
    assert preflight.host_keys(text) == keys


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        (
            "web_port",
            [80],
            "host_vars/web01.yml:2: web_port is not a parameter of the role web: did you mean 'web_ports'?",
        ),
        ("web_ports", "http", "host_vars/web01.yml:1: role web: web_ports is wrong"),
        ("web_ports", [80, "x"], "'x'"),
        ("web_ports", 9100, "host_vars/web01.yml:1: role web: web_ports must be a list, not int"),
        (
            "web_ports",
            [80, 91000],
            "role web: web_ports is wrong: web_ports 91000: ports go from 1 to 65535",
        ),
        ("docs__web_sites", [{"name": "a", "port": 0}], "docs__web_sites is wrong: port 0: ports go from 1 to 65535"),
        ("web_sites", [{"nam": "a"}], "web_sites has no key 'nam': did you mean 'name'?"),
        ("web_sites", [{}], "missing required arguments: name found in web_sites"),
        ("web_sites", "{{ nothing_like_it }}", "web_sites cannot be evaluated: 'nothing_like_it' is undefined"),
        (
            "docs__web_sites",
            [{"name": "a", "prot": 1}],
            "role docs: docs__web_sites has no key 'prot': did you mean 'port'?",
        ),
        ("docs__web_sites", [{"name": "a", "template": "gone.j2"}], "but there is no such file in "),
        ("docs__web_sites", [{"name": "a", "template": "../defaults/main.yml"}], "which leaves"),
        ("web_sites", [{"name": "a", "template": "docs.j2"}], "but there is no such file in "),
    ],
)
def test_what_is_wrong_is_named(site: Site, variable: str, value: object, expected: str) -> None:
    site.write("host_vars/web01.yml", {variable: value})
    code, output = site.run()
    assert code == 2
    assert expected in output
    assert "Traceback" not in output


def test_a_template_is_that_of_the_role_the_inventory_or_the_playbook(site: Site) -> None:
    site.inventory = "inventories/here"
    site.write("inventories/here/hosts.yml", {"all": {"hosts": {"web01": {"ansible_host": "192.0.2.1"}}}})
    own = [{"name": name, "template": f"{name}.j2"} for name in ("own", "both")]
    site.write("inventories/here/group_vars/all.yml", {"web_sites": own, "docs__web_sites": own})
    site.write("inventories/here/templates/own.j2", "{{ item.name }} with {% include 'part.j2' %}")
    site.write("inventories/here/templates/both.j2", "near")
    site.write("templates/both.j2", "far")
    site.write("templates/part.j2", "a part")
    site.write("roles/docs/templates/both.j2", "nearest")
    sites = "{{ lookup('contributions', 'web_sites') | map(attribute='content') | join('; ') }}"
    site.write("roles/web/tasks/main.yml", [{"ansible.builtin.debug": {"msg": sites}}])
    code, output = site.run()
    assert code == 0, output
    assert "own with a part; near; own with a part; nearest" in output
    site.write("inventories/here/group_vars/all.yml", {"docs__web_sites": [{"name": "a", "template": "gone.j2"}]})
    folders = " or ".join(f"{site.folder}/{place}templates" for place in ("roles/docs/", "inventories/here/", ""))
    assert f"docs__web_sites names the template gone.j2, but there is no such file in {folders}" in site.run()[1]


def test_a_slip_in_the_name_of_the_role_is_warned_of(site: Site) -> None:
    site.write("host_vars/web01.yml", {"wep_password": "canary", "other_password": 1})
    code, output = site.run()
    assert code == 0
    assert "host_vars/web01.yml:2: wep_password is not a parameter: did you mean 'web_password'?" in output
    assert "other_password" not in output
    assert "canary" not in output


@pytest.mark.parametrize("value", ["{{ {'a': 'canary'} }}", ["canary"], "{{ 'canary' ~ nothing_like_it }}"])
@pytest.mark.parametrize("variable", ["web_pins", "web_password"])
def test_a_secret_is_never_shown(site: Site, variable: str, value: object) -> None:
    site.write("host_vars/web01.yml", {variable: value})
    code, output = site.run("-vvv", "--diff")
    if code:
        assert "not shown: it is a secret" in output
    assert "canary" not in output


def test_an_unknown_type_in_a_role_is_named(site: Site) -> None:
    site.role("web", COLLECTOR | {"web_ports": {"type": "lisst"}}, {"web_sites": [], "web_ports": []}, [])
    code, output = site.run()
    assert code == 2
    assert "web_ports is declared with the unknown type 'lisst': did you mean 'list'?" in output
    assert "roles/web/meta/argument_specs.yml" in output
    assert "Traceback" not in output


def test_what_is_required_is_asked_for(site: Site) -> None:
    required = {"web_name": {"type": "str", "required": True, "description": "The server's name."}}
    site.role("web", COLLECTOR | required, {"web_sites": [], "web_ports": []}, [])
    code, output = site.run()
    assert code == 2
    assert "web_name is not set, but the role web requires it: The server's name." in output


def test_merging(site: Site) -> None:
    """The parameter comes first, then the contributions of the play's roles; an absent role contributes nothing."""
    site.write("host_vars/web01.yml", {"web_sites": [{"name": "own"}], "absent__web_sites": [{"name": "absent"}]})
    shown = "{{ lookup('contributions', 'web_sites') }} {{ lookup('contributions', 'web_ports', origins=true) }}"
    site.write("roles/web/tasks/main.yml", [{"ansible.builtin.debug": {"msg": shown}}])
    code, output = site.run()
    assert code == 0
    assert (
        "[{'name': 'own', 'origin': 'web_sites'}, {'name': 'docs.example.org', 'port': 8080, "
        "'origin': 'docs__web_sites', 'content': 'docs.example.org on 8080'}] [{'value': 80, 'origin': 'web_ports'}]"
    ) in output


@pytest.mark.parametrize(("version", "wanted"), [("1.10", ">=1.2,<2"), ("unknown", "")])
def test_roles_that_fit_each_other_pass(site: Site, version: str, wanted: str) -> None:
    site.write("roles/web/meta/strata.yml", f"version: {version!r}")
    site.write("roles/docs/meta/strata.yml", {"requires": {"web": wanted}})
    code, output = site.run()
    assert code == 0, output


def test_all_roles_that_do_not_fit_each_other_are_named_before_the_first_task(site: Site) -> None:
    site.role("more", {}, {}, [])
    site.role("docs", {}, {}, ["web", "more"])
    site.write("roles/web/meta/strata.yml", {"version": "2.0.0", "requires": {"more": ">=1", "acme.more": None}})
    site.write("roles/more/meta/strata.yml", {"requires": {"web": ">1", "docs": "1.0"}})
    site.write("roles/docs/meta/strata.yml", "version: 0.1.0\nrequires:\n  web: '>=1.2,<2'\n  absent: '>=1'\n")
    site.write("roles/more/tasks/main.yml", [{"ansible.builtin.debug": {"msg": "reached"}}])
    code, output = site.run()
    assert code == 2
    for problem in (
        "roles/docs/meta/strata.yml:3: the role docs requires web >=1.2,<2, but the version of web is 2.0.0, in ",
        "roles/docs/meta/strata.yml:4: the role docs requires absent >=1, but the play has no such role ",
        (
            "more/meta/strata.yml:2: the role more requires docs 1.0, "
            "but that is not a set of versions, such as '>=1.2,<2'"
        ),
        "roles/web/meta/strata.yml:3: the role web requires more >=1, but the version of more is unknown, in ",
        "the role web requires acme.more, but the play has no such role: its more is more",
    ):
        assert problem in output
    assert "requires web >1" not in output
    assert "reached" not in output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1", "roles/web/meta/strata.yml: the file must be a mapping"),
        ("requires: [web]", "roles/web/meta/strata.yml: requires must be a mapping of names to versions"),
        (
            "{version: 1.10, requires: {web: '>1'}}",
            "roles/web/meta/strata.yml: the version 1.1 is a number: put it in quotes",
        ),
    ],
)
def test_metadata_of_another_shape_is_one_sentence(site: Site, text: str, problem: str) -> None:
    site.write("roles/web/meta/strata.yml", text)
    code, output = site.run()
    assert code == 2
    assert problem in output
    assert "Traceback" not in output


def test_a_role_reads_the_metadata_of_another(site: Site) -> None:
    """Two roles called the same are told apart by their names, and a version decides what is done."""
    about = {"namespace": "acme", "role_name": "web", "description": "{{ 1 + 1 }}", "platforms": [{"name": "Debian"}]}
    site.write("roles/web/meta/main.yml", {"galaxy_info": about, "dependencies": ["more", {"role": "less"}]})
    site.role("more", {}, {}, [])
    site.role("less", {}, {}, [])
    site.write("roles/web/meta/.galaxy_install_info", {"version": "v1.10"})
    shown = (
        "{% set web = lookup('role_metadata', 'web') %}{{ web.name }} {{ web.role }} {{ web.version }} "
        "{{ web.version is version_satisfies('>=1.2,<2') }} {{ web.version | versioncmp('v1.9') }} "
        "{{ web.dependencies | join(',') }} {{ web.platforms[0].name }} {{ web.description }} "
        "{{ lookup('role_metadata', 'more').name }} {{ lookup('role_metadata', 'more').version }}"
    )
    site.write("roles/docs/tasks/main.yml", [{"ansible.builtin.debug": {"msg": shown}}])
    code, output = site.run()
    assert code == 0, output
    assert "acme.web web v1.10 True 1 more,less Debian {{ 1 + 1 }} more unknown" in output


def test_the_version_of_a_vendored_role_is_its_tag(site: Site) -> None:
    tree = site.folder / "vendor/.trees/0123456789ab-x/acme"
    (tree / "meta").mkdir(parents=True)
    (site.folder / "vendor/roles").mkdir()
    (site.folder / "vendor/roles/acme").symlink_to("../.trees/0123456789ab-x/acme")
    (site.folder / "vendor/roles/local").symlink_to(tree)
    lock = "acme 0123456789abcdef refs/tags/v1.4 https://example.org/acme\nlocal ffff refs/tags/v1.4 https://example.org/local\n"
    site.write("modules.lock", f"# A comment.\n{lock}")
    shown = "{{ lookup('role_metadata', 'acme').version }} {{ lookup('role_metadata', 'local').version }}"
    site.write("roles/docs/tasks/main.yml", [{"ansible.builtin.debug": {"msg": shown}}])
    paths = f"{site.folder}/roles:{site.folder}/vendor/roles"
    code, output = site.run(ANSIBLE_ROLES_PATH=paths)
    assert code == 0, output
    assert "v1.4 unknown" in output


def test_a_role_that_is_not_there_has_no_metadata(site: Site) -> None:
    shown = "{{ lookup('role_metadata', 'gone') }}"
    site.write("roles/docs/tasks/main.yml", [{"ansible.builtin.debug": {"msg": shown}}])
    code, output = site.run()
    assert code == 2
    assert "there is no role gone: neither beside the playbook nor on the path of roles" in output


def test_a_secret_that_is_needed_is_asked_for(site: Site) -> None:
    default = "{{ undef(hint='web_user logs in with it') if web_user else '' }}"
    options = COLLECTOR | {"web_user": {"type": "str"}}
    site.role("web", options, {"web_sites": [], "web_ports": [], "web_user": "", "web_password": default}, [])
    assert site.run()[0] == 0
    site.write("host_vars/web01.yml", {"web_user": "me"})
    code, output = site.run()
    assert code == 2
    assert "fatal: [web01]" in output
    assert "role web: web_password is not set, but needed: web_user logs in with it" in output
    site.write("host_vars/web01.yml", {"web_user": "me", "web_password": "canary"})
    assert site.run()[0] == 0


@pytest.fixture
def vault(site: Site) -> Callable[[str, str], str]:
    """Return what encrypts a text with the key of an id, which is a file of that name; of `gone` there is no file."""

    def encrypt(name: str, text: str) -> str:
        site.write(f"{name}.key", f"the key of {name}")
        program = str(Path(sys.executable).with_name("ansible-vault"))
        command = [program, "encrypt_string", "--vault-id", f"{name}@{name}.key", text]
        done = subprocess.run(command, cwd=site.folder, capture_output=True, text=True, check=True)
        return done.stdout

    return encrypt


def test_secrets_have_keys_of_several_ids(site: Site, vault: Callable[[str, str], str]) -> None:
    texts = [vault("one", "canary"), vault("two", "canary")]
    site.write("host_vars/web01.yml", f"web_password: {texts[0]}\nother: {texts[1]}\n")
    shown = {"ansible.builtin.debug": {"msg": "{{ (web_password, other) | map('length') | join('+') }}"}}
    site.write("roles/web/tasks/main.yml", [shown])
    code, output = site.run("--vault-id=one@one.key", "--vault-id=two@two.key", "-vvv")
    assert (code, "6+6" in output, "canary" in output) == (0, True, False), output


@pytest.mark.parametrize("value", ["{{ hidden }}", "{{ hidden | b64encode }}"])
def test_without_a_key_all_but_the_secret_is_checked(site: Site, vault: Callable[[str, str], str], value: str) -> None:
    site.write("host_vars/web01.yml", f"hidden: {vault('gone', 'canary')}\nweb_password: '{value}'\n")
    code, output = site.run()
    assert code == 0, output
    site.write("group_vars/all.yml", {"web_ports": "http"})
    code, output = site.run()
    assert code == 2
    assert "group_vars/all.yml:1: role web: web_ports is wrong" in output


def test_a_run_needs_the_keys_of_its_secrets(site: Site, vault: Callable[[str, str], str]) -> None:
    site.facts.clear()
    site.write("host_vars/web01.yml", f"ansible_connection: local\nweb_password: {vault('gone', 'canary')}\n")
    code, output = site.run()
    assert code == 2
    assert "host_vars/web01.yml:2: role web: web_password is a secret, or made from one, that no key" in output
    assert site.run("--vault-id=gone@gone.key")[0] == 0
