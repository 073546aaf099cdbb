"""The whole of it, as its user sees it: real hosts, converged by site.yml, answering through a real firewall."""

from __future__ import annotations

import ipaddress
import json
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from strata.paths import CHECKOUT, ROOT, STATE
from strata.suite.pythons import other_pythons

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Sandbox

HOSTS = ["bastion01", "logs01", "review01", "static01", "static02"]
DATA = ROOT.parent / "shared" / "data" / "project-config"
#: The most remote calls to a host in a run that changes nothing.
MOST_CALLS = 24
PYTHONS = ["newest", *(["oldest"] if other_pythons() else [])]


def test_status(sandbox: Sandbox) -> None:
    status = sandbox.status()
    assert sorted(status) == HOSTS
    assert {host["state"] for host in status.values()} == {"running"}
    assert status["static02"]["groups"] == ["static"]
    assert status["static02"]["os"] == "debian-12"
    for host in status.values():
        assert ipaddress.ip_address(host["address"]).version == 4
        assert ipaddress.ip_address(host["address6"]).version == 6
    assert status["static01"]["urls"] == [f"http://{status['static01']['address']}/"]


@pytest.mark.parametrize("family", ["-4", "-6"])
@pytest.mark.parametrize("host", ["static01", "static02"])
@pytest.mark.parametrize(
    ("site", "path", "text"),
    [
        ("docs.example.org", "/", "The current release"),
        ("docs.example.org", "/archive/1.0/", "An older release"),
        ("static.example.org", "/", "static/www"),
    ],
)
def test_sites_answer_by_name(sandbox: Sandbox, host: str, family: str, site: str, path: str, text: str) -> None:
    command = f"curl {family} -sS --fail --max-time 10 --connect-to {site}:80:{host}:80 http://{site}{path}"
    answer = sandbox.on("bastion01", command)
    assert answer.code == 0, answer.output
    assert text in answer.output


def test_logs_of_jobs_are_listed(sandbox: Sandbox) -> None:
    command = "curl -sS --fail --max-time 10 --connect-to logs.example.org:80:logs01:80 http://logs.example.org/"
    answer = sandbox.on("bastion01", command)
    assert answer.code == 0, answer.output
    assert "<title>Index of /</title>" in answer.output


@pytest.mark.parametrize("host", ["static01", "static02"])
def test_a_closed_port_is_refused(sandbox: Sandbox, host: str) -> None:
    """Something listens there, as the host itself can see: so it is the firewall that refuses."""
    sandbox.on(host, "systemd-run --quiet --unit=listener python3 -m http.server 8081 --bind ::")
    try:
        within = sandbox.on(
            host, "curl -sS -o /dev/null --retry 20 --retry-connrefused --retry-delay 1 http://localhost:8081/"
        )
        assert within.code == 0, within.output
        for family in ("-4", "-6"):
            refused = sandbox.on("bastion01", f"curl {family} -sS --max-time 5 http://{host}:8081/")
            assert refused.code == 7, refused.output  # refused, which is not a time-out
    finally:
        sandbox.on(host, "systemctl stop listener")


@pytest.mark.parametrize(
    ("host", "people", "admins"),
    [("static01", "alice bob", "alice"), ("review01", "alice carol", "alice carol"), ("bastion01", "alice", "alice")],
)
def test_people_have_accounts_where_their_groups_of_hosts_say_so(
    sandbox: Sandbox, host: str, people: str, admins: str
) -> None:
    found = sandbox.on(host, "getent passwd 2001 2002 2003 2004 | cut -d: -f1; getent group sudo | cut -d: -f4")
    assert found.output.split() == [*people.split(), ",".join(admins.split())]


@pytest.mark.parametrize("python", PYTHONS)
def test_a_second_converge_changes_nothing(sandbox: Sandbox, python: str) -> None:
    hosts = HOSTS if python == "newest" else ["static01", "static02"]
    before = {host: sandbox.fingerprint(host) for host in hosts}
    done = sandbox.strata("converge", "--limit", ",".join(hosts), STRATA_PYTHON=python)
    assert done.code == 0, done.output
    rows = done.rows()
    assert sorted(rows) == hosts
    assert {row["changed"] for row in rows.values()} == {"0"}, done.output
    assert all(0 < int(row["calls"]) <= MOST_CALLS for row in rows.values()), done.output
    assert {host: sandbox.fingerprint(host) for host in hosts} == before


def test_up_again_changes_nothing(sandbox: Sandbox) -> None:
    before = {host: sandbox.fingerprint(host) for host in HOSTS}
    done = sandbox.strata("up")
    assert done.code == 0, done.output
    assert {row["changed"] for row in done.rows().values()} == {"0"}, done.output
    assert {host: sandbox.fingerprint(host) for host in HOSTS} == before


def test_check_says_what_would_change_and_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """A plan says the same, and the check sends to modules what catalogs say."""
    sandbox.on("static02", "rm /srv/docs/current/index.html")
    before = sandbox.fingerprint("static02")
    plan = sandbox.strata("plan", "--json")
    assert plan.code == 2, plan.output
    plans = json.loads(plan.output)["hosts"]
    changes = [(host["host"], each["state"], each["role"]) for host in plans for each in host["findings"]]
    assert changes == [("static02", "change", "flat_files")]
    (change,) = plans[-1]["findings"]
    assert change["place"] == "roles/flat_files/tasks/main.yml:5"
    assert "current/index.html" in change["diff"]
    assert {(host["host"], host["calls"]) for host in plans} == {(host, 2) for host in HOSTS}  # with modules' files
    again = json.loads(sandbox.strata("plan", "--json", "static01", "static02").output)["hosts"]
    assert [(host["calls"], len(host["findings"])) for host in again] == [(1, 0), (1, 1)]
    assert sandbox.fingerprint("static02") == before
    calls = str(tmp_path / "calls")
    plugins = f"{ROOT / 'callback_plugins'}:{ROOT / 'tests/sandbox/plugins'}"
    check = sandbox.strata("converge", "--check", "--diff", STRATA_MODULE_CALLS=calls, ANSIBLE_CALLBACK_PLUGINS=plugins)
    assert check.code == 0, check.output
    assert {host: row["changed"] for host, row in check.rows().items() if row["changed"] != "0"} == {"static02": "1"}
    assert "current/index.html" in check.output
    assert sandbox.fingerprint("static02") == before
    repair = sandbox.strata("converge", "--limit", "static02", "--tags", "flat_files")
    assert repair.code == 0, repair.output
    assert {host: row["changed"] for host, row in repair.rows().items()} == {"static02": "1"}
    catalogs = sandbox.run(sys.executable, str(ROOT / "tests/sandbox/oracle.py"), calls)
    assert ", 0 differences " in catalogs.output, catalogs.output


def test_tags_name_roles(sandbox: Sandbox) -> None:
    done = sandbox.strata("converge", "-v", "--tags", "httpd", "--limit", "static01")
    assert done.code == 0, done.output
    assert "httpd : Configure Apache" in done.output
    assert "iptables : " not in done.output.replace("iptables : Validating", "")
    assert "[Preflight]" in done.output


def test_ansible_playbook_by_hand(sandbox: Sandbox) -> None:
    done = sandbox.ansible("ansible-playbook", "site.yml", "--check", "--limit=static")
    assert done.code == 0, done.output
    assert done.output.count("changed=0 ") == 2


def test_a_host_that_is_not_who_it_was_is_refused(sandbox: Sandbox) -> None:
    known_hosts = STATE / "sandboxes" / "test" / "known_hosts"
    right = known_hosts.read_text()
    keys = dict(line.split(" ", 1) for line in right.splitlines())
    known_hosts.write_text(f"static01 {keys['static02']}\n")
    try:
        arguments = ("static01", "-m", "ansible.builtin.ping", "-e", "ansible_control_path=none")
        done = sandbox.ansible("ansible", *arguments, ANSIBLE_SSH_ARGS="-o ControlMaster=no")
    finally:
        known_hosts.write_text(right)
    assert done.code == 4, done.output
    assert "Host key verification failed" in done.output


def test_a_real_project_config(sandbox: Sandbox) -> None:
    """All projects of a real organisation are made, but the one whose ACL is of an older Gerrit, which is named."""
    if not DATA.exists():
        pytest.skip("shared data absent")
    values = f"--extra-vars=strata_project_config={DATA}"
    declared = {project["project"] for project in yaml.safe_load((DATA / "gerrit/projects.yaml").read_text())}
    arguments = ("site.yml", "--limit=review01", "--tags=gerrit", values)
    first = sandbox.ansible("ansible-playbook", *arguments)
    assert first.code == 2
    assert "opendev/infra-specs" in first.output
    listing = sandbox.on("review01", "curl -sS 'http://127.0.0.1:8081/projects/'").output
    assert len(declared) > 200
    assert not declared - set(json.loads(listing.removeprefix(")]}'"))) - {"opendev/infra-specs"}
    second = sandbox.ansible("ansible-playbook", *arguments)
    assert "changed=0 " in second.output
    assert sandbox.strata("converge", "--limit", "review01").code == 0


def test_a_host_that_cannot_be_reached(sandbox: Sandbox) -> None:
    before = sandbox.fingerprint("static01")
    container = f"strata-{CHECKOUT}-test-static02"
    podman = {"CONTAINERS_CONF": str(STATE / "containers.conf")}
    assert sandbox.run("podman", "stop", "--time", "5", container, **podman).code == 0
    done = sandbox.strata("converge", "--limit", "static")
    assert done.code == 1
    assert "static02" in done.output
    assert "UNREACHABLE!" in done.output
    assert "Traceback" not in done.output
    assert done.rows()["static01"]["changed"] == "0"
    assert sandbox.fingerprint("static01") == before
    assert sandbox.status()["static02"]["state"] != "running"
    again = sandbox.strata("up")
    assert again.code == 0, again.output
    assert sandbox.status()["static02"]["state"] == "running"


def test_a_taken_subnet(sandbox: Sandbox) -> None:
    address = sandbox.status()["static01"]["address"]
    subnet = str(ipaddress.ip_network(f"{address}/24", strict=False))
    done = sandbox.strata("up", STRATA_SANDBOX="other", STRATA_SUBNET=subnet)
    assert done.code == 2
    assert f"strata: STRATA_SUBNET={subnet} is taken by " in done.output
    assert "Traceback" not in done.output
    assert sandbox.strata("down", STRATA_SANDBOX="other").code == 0


def test_a_host_in_no_play(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"stray01": {}}}}))
    done = sandbox.strata("converge", "-i", str(tmp_path))
    assert done.code == 2
    assert (
        done.output == "strata: site.yml: stray01 is in no play, and must be in exactly one, or left out by --limit\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("converge", "--limit", "nothing*"), "no host matches nothing*"),
        (("converge", "-i", "inventories/nowhere"), "there is no such inventory"),
        (
            ("ssh", "nobody01"),
            "the sandbox has no host 'nobody01': it has bastion01, logs01, review01, static01, static02",
        ),
        (("test", "nothing"), "there is no part 'nothing'"),
        (("nothing",), "No such command 'nothing'"),
    ],
)
def test_wrong_use(sandbox: Sandbox, arguments: tuple[str, ...], message: str) -> None:
    done = sandbox.strata(*arguments)
    assert done.code == 2, done.output
    assert message in done.output
    assert "Traceback" not in done.output


def test_the_exit_code_of_a_remote_command(sandbox: Sandbox) -> None:
    assert sandbox.on("static01", "exit 7").code == 7
