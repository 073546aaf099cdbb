"""`strata catalog`, on a host of site.yml with an inventory of its own."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible.plugins.vars import host_group_vars
from click.testing import CliRunner

from strata.catalog import store
from strata.catalog.core import site
from strata.catalog.resource import Catalog, Resource
from strata.cli import cli
from strata.paths import ROOT
from strata.verbs import catalog as verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strata.catalog.elsewhere import Request

HOST = "web01"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    host_group_vars.FOUND.clear()
    host_group_vars.NAK.clear()
    folder = tmp_path / "inventory"
    folder.mkdir()
    values = {"snmpd_community": "not-to-be-seen", "strata_project_config": str(ROOT / "project-config")}
    hosts = {"static": {"hosts": {HOST: values}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
    (tmp_path / "facts").mkdir()
    return folder


def strata(inventory: Path, *arguments: str) -> tuple[int, str]:
    facts = ["-i", str(inventory), "--facts", str(inventory.parent / "facts")]
    done = CliRunner().invoke(cli, ["catalog", *arguments, *facts])
    return done.exit_code, done.stdout or str(done.exception)


def test_a_host_that_nobody_has_seen(inventory: Path) -> None:
    out = inventory.parent / "out"
    code, said = strata(inventory, "compile", f"--out={out}")
    assert code == 0, said
    text = (out / f"{HOST}.json").read_text()
    catalog = json.loads(text)
    assert "not-to-be-seen" not in text
    roles = {each["role"]: each for each in catalog["resources"]}
    assert roles["httpd"]["unknown"] == []
    assert roles["exim"]["unknown"] == [f"the fact distribution_major_version of {HOST} is not recorded"]


def test_show(inventory: Path) -> None:
    code, said = strata(inventory, "show", HOST, "snmpd")
    assert code == 0, said
    assert "path: /etc/snmp/snmpd.conf" in said
    assert "not-to-be-seen" not in said


def test_what_is_wrong_is_one_sentence(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no host 'web1': did you mean 'web01'?" in strata(inventory, "show", "web1")[1]
    assert strata(inventory, "compile", "--rev=nothing")[1] == "nothing: there is no such revision"
    assert strata(inventory, "diff", "nothing..")[1] == "nothing: there is no such revision"
    monkeypatch.setattr(site, "__version__", "2.99.0")
    assert "with ansible-core 2.19 and 2.21, and this is 2.99.0" in strata(inventory, "compile")[1]
    (inventory / "hosts.yml").write_text("all: {hosts: [}")
    assert "hosts.yml" in strata(inventory, "compile")[1]


def test_preflight_refuses_in_its_own_words(inventory: Path) -> None:
    (inventory.parent / "facts" / f"{HOST}.json").write_text(
        json.dumps({"distribution": "Debian", "distribution_release": "trixie", "distribution_major_version": "13"})
    )
    (inventory / "group_vars").mkdir()
    (inventory / "group_vars/all.yml").write_text("httpd_vhostz: []\n")
    code, said = strata(inventory, "compile", HOST, f"--out={inventory.parent / 'out'}")
    assert code == 1
    refused = json.loads((inventory.parent / "out" / f"{HOST}.json").read_text())["refused"]
    assert "httpd_vhostz is not a parameter of the role httpd: did you mean 'httpd_vhosts'?" in refused
    assert "site.yml:" in refused or "all.yml:1" in refused
    assert HOST in said


def told(
    monkeypatch: pytest.MonkeyPatch, before: list[Catalog], after: list[Catalog], *arguments: str
) -> tuple[int, str]:
    """Return what `diff` says of catalogs that are there already."""
    sides = {"old": before, "": after}

    @contextlib.contextmanager
    def catalogs(revision: str, request: Request) -> Iterator[dict[str, Path]]:
        del request
        with tempfile.TemporaryDirectory() as folder:
            store.write(((each.host, each.to_json()) for each in sides[revision]), Path(folder))
            yield store.files(Path(folder))

    monkeypatch.setattr(verb.elsewhere, "catalogs", catalogs)
    done = CliRunner().invoke(cli, ["catalog", "diff", "old..", *arguments])
    return done.exit_code, done.stdout


def catalog(host: str, port: int, refused: str | None = None) -> Catalog:
    resource = Resource("ansible.legacy.web", {"port": port}, "web", "httpd", "roles/httpd/tasks/main.yml", 5, "Serve")
    return Catalog(host, "", "2.21.5", () if refused else (resource,), refused)


def test_the_tree_of_a_catalog(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "compiled", lambda *_: iter([catalog(HOST, 80)]))
    line = "    1. line 5: Serve: ansible.legacy.web"
    assert strata(inventory, "show", HOST, "--tree")[1].splitlines() == ["httpd", "  roles/httpd/tasks/main.yml", line]
    assert "port: 80" in strata(inventory, "show", HOST, "1")[1]
    assert "there is no resource 'htpd': did you mean 'httpd'?" in strata(inventory, "show", HOST, "htpd")[1]


def test_diff(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = [catalog("a", 80), catalog("b", 80), catalog("c", 80)]
    after = [catalog("a", 81), catalog("b", 81), catalog("c", 80)]
    code, said = told(monkeypatch, before, after)
    assert code == 2
    assert said.splitlines() == [
        "2 hosts: a, b",
        "  ~ httpd: Serve: ansible.legacy.web, roles/httpd/tasks/main.yml:5",
        "      port: 80 -> 81",
        "1 host: c: no difference",
        "2 of 3 hosts differ, 0 cannot be compiled",
    ]
    assert told(monkeypatch, before, after, "--only=apt")[0] == 0
    code, said = told(monkeypatch, before, [*after[:2], catalog("c", 80, "site.yml:1: no")])
    assert code == 1
    assert "1 host: c\n  ! cannot be compiled after: site.yml:1: no\n" in said
    assert told(monkeypatch, before, after, "--ignore=web[Serve]::port")[0] == 0
    assert json.loads(told(monkeypatch, before, after, "--json")[1])["groups"][0]["hosts"] == ["a", "b"]
    assert told(monkeypatch, before, after, f"--html={tmp_path / 'page.html'}")[0] == 2
    assert "<title>old..</title>" in (tmp_path / "page.html").read_text()
    assert told(monkeypatch, before, after, "--markdown")[1].startswith("**old..:** 2 of 3 hosts differ")


@pytest.mark.parametrize("wrong", ["distribution", "=13", "a b=c"])
def test_facts_that_are_none(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr(verb.elsewhere, "catalogs", None)
    done = CliRunner().invoke(cli, ["catalog", "diff", f"--facts-after={wrong}"])
    assert "facts are given as KEY=VALUE, such as" in str(done.exception)
