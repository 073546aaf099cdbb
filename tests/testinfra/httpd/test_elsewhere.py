"""httpd in another repository: a folder with nothing but a playbook, and Strata's roles brought there in three ways."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from http_client import ask
from plays import SANDBOX, connect

from strata.paths import BIN, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host

pytestmark = pytest.mark.spread

PLUGINS = ("library", "module_utils", "action_plugins", "lookup_plugins", "filter_plugins", "test_plugins")


def execute(folder: Path, program: str, *arguments: str | Path, **settings: str | Path) -> str:
    """Run a program of Ansible's, which must go well, in a folder, without any setting of ours; return its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "STRATA_"))}
    done = subprocess.run(
        [BIN / program, *arguments],
        cwd=folder,
        env={
            **inherited,
            "ANSIBLE_HOME": str(folder / "home"),
            **{name: str(value) for name, value in settings.items()},
        },
        stdin=subprocess.DEVNULL,
        timeout=300,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def export(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "strata", "export", *arguments], check=True)


def checkout(folder: Path) -> dict[str, str | Path]:
    """Name the checkout in the paths of roles and plugins."""
    del folder
    return {"ANSIBLE_ROLES_PATH": ROOT / "roles", **{f"ANSIBLE_{name.upper()}": ROOT / name for name in PLUGINS}}


def folders(folder: Path) -> dict[str, str | Path]:
    """Put the role, and those that it depends on, beside the playbook."""
    export("httpd", folder / "roles")
    return {}


def collection(folder: Path) -> dict[str, str | Path]:
    """Install a collection with the role."""
    export("--collection", "acme.strata", "httpd", folder)
    execute(folder, "ansible-galaxy", "collection", "install", "acme-strata-0.1.0.tar.gz", "-p", "collections")
    return {}


@pytest.mark.parametrize(
    ("way", "prefix"),
    [(checkout, ""), (folders, ""), (collection, "acme.strata.")],
    ids=lambda way: getattr(way, "__name__", ""),
)
def test_apache_answers(way: Callable[[Path], dict[str, str | Path]], prefix: str, probe: Host, tmp_path: Path) -> None:
    """The role does all its work, on a host that had no Apache, and finds nothing to do the second time."""
    site = f"{way.__name__}.example.org"
    probe.check_output("mkdir -p /srv/%s && echo 'Served by way of %s' >/srv/%s/index.html", site, way.__name__, site)
    play = {
        "hosts": "all",
        "pre_tasks": [{"name": "Preflight", f"{prefix}preflight": None, "tags": "always"}],
        "roles": [f"{prefix}httpd"],
        "vars": {"httpd_vhosts": [{"name": site, "docroot": f"/srv/{site}"}]},
    }
    reach = {"ansible_user": "root", "ansible_ssh_common_args": f"-F {SANDBOX.ssh_config}"}
    reach["ansible_control_path"] = json.loads((SANDBOX.folder / "hosts.json").read_text())["control_path"]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"probe": reach}}}))
    settings = way(tmp_path)
    changed = []
    for _ in range(2):
        output = execute(tmp_path, "ansible-playbook", "-i", "hosts.yml", "play.yml", **settings)
        changed += re.findall(r"changed=(\d+)", output)
    assert changed[0] != "0"
    assert changed[1] == "0"
    answer = ask(connect("deb13"), SANDBOX.known()["probe"]["address"], site, "/")
    assert (answer["status"], answer["text"]) == (200, f"Served by way of {way.__name__}\n")
