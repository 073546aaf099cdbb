"""What somebody who means ill calls a branch, or commits, runs nothing, or nothing out of its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from strata.deploy.source import Source
from strata.errors import StrataError
from strata.paths import ROOT

from .conftest import git

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Bastion

BRANCHES = [
    "--upload-pack=touch mark",
    "main:refs/strata/accepted",
    "../../main",
    "main\nother",
    "a b",
    "",
]

#: Code where nobody should look for any: neither Ansible, which is told where its plugins are, nor Python.
MARK = "open({mark!r}, 'a').write(__file__ + '\\n')\n"
PLACES = [
    "docs/evil.py",
    "docs/vars_plugins/evil.py",
    "roles/project_static/sitecustomize.py",
    "project-config/library/evil.py",
    "project-config/conftest.py",
    "project-config/sitecustomize.py",
    "docs/callback_plugins/evil.py",
    "sitecustomize.py",
    "yaml.py",
]


@pytest.mark.parametrize("branch", BRANCHES)
def test_what_is_no_name_of_a_branch_is_refused(branch: str, tmp_path: Path) -> None:
    with pytest.raises(StrataError, match=r"branch: .* is not a name of a branch"):
        Source(tmp_path, "https://example.org/x", branch)


@pytest.mark.parametrize("branch", ["main;touch${IFS}mark", "+main", "$(touch${IFS}mark)", "-rf", "refs/heads/main"])
def test_a_branch_is_followed_whatever_it_is_called(bastion: Bastion, branch: str) -> None:
    git(bastion.origin.root, "update-ref", f"refs/heads/{branch}", "HEAD")
    bastion.settings = replace(bastion.settings, branch=branch)
    assert bastion.deploy()
    assert bastion.has("static1") == "one"
    assert not list(bastion.folder.rglob("mark"))


@pytest.mark.parametrize("url", ["ext::sh -c touch% {mark}", "--upload-pack=touch {mark}", "fd::7"])
def test_a_url_runs_nothing(bastion: Bastion, url: str) -> None:
    mark = bastion.folder / "mark"
    bastion.settings = replace(bastion.settings, url=url.format(mark=mark))
    with pytest.raises(StrataError, match="nothing is known of main"):
        bastion.deploy()
    assert not mark.exists()


def test_a_commit_runs_nothing_when_it_is_fetched_and_when_its_tree_is_made(bastion: Bastion) -> None:
    mark = bastion.folder / "mark"
    bastion.origin.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    bastion.origin.write(
        ".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch mark"\n\tupdate = !touch mark\n'
    )
    bastion.origin.write(".git-hooks/post-checkout", f"#!/bin/sh\ntouch {mark}\n")
    (bastion.origin.root / ".git-hooks/post-checkout").chmod(0o755)
    bastion.origin.write(
        ".gitconfig", f'[core]\n\tfsmonitor = touch {mark}\n[filter "evil"]\n\tsmudge = touch {mark}\n'
    )
    git(bastion.origin.root, "config", "core.hooksPath", ".git-hooks")
    bastion.commit()
    mark.unlink(missing_ok=True)
    assert bastion.deploy()
    assert not mark.exists()
    assert (bastion.kept / "current/.git-hooks/post-checkout").exists()


def test_plugins_and_settings_in_other_places_do_not_run(bastion: Bastion) -> None:
    mark = bastion.folder / "mark"
    for place in PLACES:
        bastion.origin.write(place, MARK.format(mark=str(mark)))
    for folder in ("inventories/sandbox", "roles/project_static", "project-config"):
        evil = "[defaults]\nvars_plugins = {{CWD}}/docs\nvars_plugins_enabled = evil\nfilter_plugins = {{CWD}}/docs\n"
        bastion.origin.write(f"{folder}/ansible.cfg", evil)
    bastion.origin.write("ansible.cfg", "[defaults]\nroles_path = roles\n")
    bastion.origin.write("site.yml", "- name: static\n  hosts: static\n  roles:\n    - project_static\n")
    task = "- name: It\n  ansible.builtin.file:\n    path: /srv/it\n    state: directory\n"
    bastion.origin.write("roles/project_static/tasks/main.yml", task)
    bastion.commit()
    assert bastion.deploy()
    done = compiled((bastion.kept / "current").resolve(), "static1")
    assert "/srv/it" in done.stdout, done.stderr
    assert not mark.exists(), mark.read_text()


def compiled(tree: Path, host: str) -> subprocess.CompletedProcess[str]:
    """Compile the catalog of a host, as a deploy does from the tree of a revision."""
    asked = {"tree": str(tree), "inventory": str(tree / "inventories/sandbox"), "hosts": [host], "revision": ""}
    job = json.dumps(asked | {"given": {}, "facts": [], "confined": False, "key": "00"})
    environment = os.environ | {"ANSIBLE_CONFIG": str(tree / "ansible.cfg"), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-P", "-m", "strata.catalog.inside"]
    return subprocess.run(command, cwd=tree, env=environment, input=job, capture_output=True, text=True, check=False)


def test_a_commit_that_brings_a_state_of_its_own_is_refused(bastion: Bastion) -> None:
    bastion.origin.write(".strata/deploy.yml", "url: https://evil.example.org\n")
    bastion.commit()
    with pytest.raises(StrataError, match=r"has \.strata in it, which is this host's own"):
        bastion.deploy()
    assert bastion.applied == []


def test_names_of_hosts_stay_in_their_folder(bastion: Bastion) -> None:
    store = bastion.store
    store.put_host("../../evil", replace(store.host("x"), message="it was here"))
    assert store.host("../../evil").message == "it was here"
    assert [path.name for path in (bastion.kept / "hosts").iterdir()] == ["..%2F..%2Fevil.json"]
    assert not list(bastion.folder.glob("evil*"))
