"""`strata plan` of a host that is this machine: from playbook to exit code."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.plugins.vars import host_group_vars
from click.testing import CliRunner

from strata.catalog.compile import Compiler
from strata.catalog.core import connections
from strata.cli import cli
from strata.errors import StrataError
from strata.plan import hosts as planning
from strata.verbs import plan as verb

if TYPE_CHECKING:
    from pathlib import Path

HOST = "web01"


class Site:
    """A site in `folder` with one host, which is this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wanted = folder / "wanted"
        (folder / "facts").mkdir()
        self.host()
        self.play([{"name": "A folder", "ansible.builtin.file": {"path": str(self.wanted), "state": "directory"}}])

    def host(self, **variables: Any) -> None:
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {HOST: {**here, **variables}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))

    def play(self, tasks: list[dict[str, Any]], **keywords: Any) -> None:
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks, **keywords}
        (self.folder / "site.yml").write_text(yaml.safe_dump([play], sort_keys=False))

    def compiler(self, inventory: Path, **given: Any) -> Compiler:
        host_group_vars.FOUND.clear()
        host_group_vars.NAK.clear()
        options = {**given, "tree": self.folder, "playbook": self.folder / "site.yml"}
        return Compiler(inventory, **options)

    def strata(self, *arguments: str) -> tuple[int, str]:
        where = ["-i", str(self.folder / "hosts.yml"), "--facts", str(self.folder / "facts")]
        done = CliRunner().invoke(cli, ["plan", *where, *arguments])
        return done.exit_code, done.stdout or str(done.exception)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = Site(tmp_path)
    monkeypatch.setattr(verb, "Compiler", found.compiler)
    for name in ("FOLDER", "HOME_FOLDER"):
        monkeypatch.setattr(planning, name, f"{tmp_path}/on-host")
    return found


@pytest.fixture(autouse=True, scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "KEPT", tmp_path_factory.mktemp("kept"))
        yield


def test_a_change_is_found_and_not_made(site: Site) -> None:
    code, said = site.strata()
    assert code == 2, said
    assert f"{HOST}:\n  ~ A folder (site.yml:" in said
    assert said.endswith("Plan: 1 to change on 1 of 1 host; 1 resource asked for in 2 remote calls\n")
    assert not site.wanted.exists()
    site.wanted.mkdir()
    code, said = site.strata()
    assert (code, said) == (
        0,
        "Nothing to do: web01\nPlan: 0 to change on 0 of 1 host; 1 resource asked for in 1 remote call\n",
    )


def test_json_tags_and_limit(site: Site) -> None:
    folder = {"path": str(site.wanted), "state": "directory"}
    tasks = [
        {"ansible.builtin.file": {**folder, "path": f"{site.wanted}/{tag}"}, "tags": tag} for tag in ("web", "always")
    ]
    site.play([{"ansible.builtin.file": folder, "tags": "dns"}, *tasks])
    code, said = site.strata("--json", "--tags", "web", "--limit", "all")
    assert code == 2, said
    (host,) = json.loads(said)["hosts"]
    assert (host["host"], host["asked"], host["wrong"]) == (HOST, 2, "")


def test_wrong_use_is_not_taken_for_changes(site: Site) -> None:
    site.play([{"ansible.builtin.ping": {}, "tags": "web"}])
    where = ["-i", str(site.folder / "hosts.yml"), "--facts", str(site.folder / "facts")]
    for arguments, why in (
        (("--tags", "wep"), "--tags: nothing carries wep: did you mean 'web'?"),
        (("--limit", "nothing*"), "--limit: nothing* matches no host of "),
        (("--limit", "all", HOST), "hosts are named as arguments or by --limit, not by both"),
        (("web02",), "there is no host 'web02': did you mean 'web01'?"),
        (("--no-such-option",), "No such option"),
    ):
        done = CliRunner().invoke(cli, ["plan", *where, *arguments])
        error = done.exception
        assert (error.exit_code if isinstance(error, StrataError) else done.exit_code) == 1
        assert why in f"{done.output} {error}"


def test_what_has_no_plan(site: Site) -> None:
    site.play([{"ansible.builtin.file": {"path": str(site.wanted), "state": "sideways"}}])
    code, said = site.strata()
    assert code == 1, said
    assert "value of state must be one of" in said
    site.play([{"ansible.builtin.add_host": {"name": "other"}}])
    code, said = site.strata()
    assert code == 1, said
    assert "  ! not plannable: site.yml:" in said
    site.play([])
    code, said = site.strata()
    assert code == 1, said
    assert "  ! the playbook applies nothing to it: is it in a play?" in said
    site.host(ansible_python_interpreter="/nowhere/python")
    site.play([{"ansible.builtin.ping": {}}])
    code, said = site.strata()
    assert code == 1, said
    assert "  ! it stopped with exit code 127 and said: " in said


def test_become(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of who is not root: sudo is called once for the host, and only if it is needed."""
    (tmp_path / "sudo").write_text(
        f'#!/bin/sh\necho "with $1" >{tmp_path}/called\nshift\nSUDO_USER=$(id -un) exec "$@"\n'
    )
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(connections.getpass, "getuser", lambda: "admin")
    ping: dict[str, Any] = {"ansible.builtin.ping": {}}
    site.play([ping])
    assert site.strata()[0] == 0
    assert not (tmp_path / "called").exists()
    site.play([ping, ping | {"become": True}, ping | {"become": True, "become_user": "no-such-user"}])
    code, said = site.strata()
    assert code == 1, said
    assert (tmp_path / "called").read_text() == "with -n\n"
    assert "there is no user no-such-user that it could be run as" in said
    assert "1 failed; 3 resources asked for" in said
    site.play([ping | {"become": True, "become_method": "su"}])
    code, said = site.strata()
    assert code == 0, said
    assert "  ? ansible.builtin.ping (site.yml:" in said
    assert "      it is run by su, so only Ansible knows\n" in said


def test_secrets_reach_the_module_and_nobody_else(site: Site) -> None:
    command = {"_raw_params": "true hunter22", "creates": str(site.wanted)}
    site.play([{"ansible.builtin.command": command, "no_log": True}])
    code, said = site.strata("--diff")
    assert code == 2, said
    assert "hunter22" not in said
    assert "(hidden: no_log)" in said


def test_ways_to_hosts(site: Site) -> None:
    site.host(ansible_connection="ssh", ansible_port=2222, ansible_user="admin", ansible_host="192.0.2.1")
    way = site.compiler(site.folder / "hosts.yml").way(HOST)
    assert way.command[0] == "ssh"
    assert way.command[-1] == "192.0.2.1"
    assert {"BatchMode=yes", "Port=2222", 'User="admin"', "ControlMaster=auto"} < set(way.command)
    assert "StrictHostKeyChecking=no" not in way.command
    assert (way.python, way.user) == (sys.executable, "admin")
    for variables, why in (
        ({"ansible_connection": "winrm"}, "only Ansible can reach it, by the connection winrm"),
        ({"ansible_connection": "ssh", "ansible_password": "x"}, "only Ansible can reach it, with a password"),
        ({"ansible_connection": "{{ nothing }}"}, "'nothing' is undefined"),
    ):
        site.host(**variables)
        with pytest.raises(StrataError, match=why):
            site.compiler(site.folder / "hosts.yml").way(HOST)
