"""Compiling another revision: its plugins are code, and this one tries what it should not."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest

from strata.catalog import confined, elsewhere, revisions, store
from strata.catalog.elsewhere import Request
from strata.errors import StrataError
from tests.unit.src.catalog.test_revisions import git

if TYPE_CHECKING:
    from pathlib import Path

    from strata.catalog.resource import Catalog

HOST = "web01"

PLUGIN = """
import os, socket
from ansible.plugins.lookup import LookupBase

def tried(what):
    try:
        return f"done: {what()}"
    except Exception as error:
        return f"failed: {type(error).__name__}"

def write(path):
    with open(path, "w") as stream:
        return stream.write("written by a plugin")

def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=2).sendall(b"hello")

class LookupModule(LookupBase):
    def run(self, terms, variables=None, **options):
        private, checkout, port = terms
        with open("/proc/1/cmdline", "rb") as stream:
            first = stream.read().split(b"\\0")[0].decode()
        return [[
            tried(lambda: open(private).read()),
            tried(lambda: os.listdir(checkout)),
            tried(lambda: write(f"{checkout}/written")),
            tried(lambda: write(os.path.join(os.getcwd(), "written"))),
            tried(lambda: write(__file__)),
            tried(lambda: connect(port)),
            "STRATA_PRIVATE" in os.environ,
            first,
        ]]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose commit has a plugin that does more than it should."""
    root = tmp_path / "checkout"
    state = root / ".strata"
    state.mkdir(parents=True)
    for module in (revisions, store, elsewhere):
        monkeypatch.setattr(module, "STATE", state)
    monkeypatch.setattr(revisions, "ROOT", root)
    monkeypatch.setattr(elsewhere, "ROOT", root)
    monkeypatch.setattr(store, "FOLDER", state / "catalogs")
    monkeypatch.setenv("STRATA_PRIVATE", str(tmp_path / "private"))
    (tmp_path / "private").mkdir()
    (tmp_path / "private/secret").write_text("not to be seen")
    (root / "ansible.cfg").write_text("[defaults]\nlookup_plugins = plugins\n")
    (root / ".gitignore").write_text(".strata\n")
    (root / "plugins").mkdir()
    (root / "plugins/tries.py").write_text(PLUGIN)
    (root / "hosts.yml").write_text(f"all:\n  hosts:\n    {HOST}:\n")
    return root


def site(root: Path, *terms: object) -> str:
    """Commit a site that calls the plugin, and return the commit."""
    command = f"{{{{ lookup('tries', {', '.join(map(repr, terms))}) | to_json }}}}"
    tasks = [{"command": {"argv": ["echo", command]}}]
    (root / "site.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", "One")
    return git(root, "rev-parse", "HEAD")


def compiled(commit: str, request: Request) -> dict[str, Catalog]:
    """Return the catalogs of a commit."""
    with elsewhere.catalogs(commit, request) as found:
        return {host: store.read(path) for host, path in found.items()}


def said(commit: str, root: Path, *, trusted: bool) -> list[Any]:
    """Return what the plugin could do."""
    catalog = compiled(commit, Request(root / "hosts.yml", trusted=trusted))[HOST]
    assert catalog.refused is None
    found: list[Any] = json.loads(catalog.resources[0].args["argv"][1])
    return found


@pytest.mark.parametrize("side", ["a commit", "the files as they are"])
def test_a_plugin_is_confined(root: Path, side: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        private = str(root.parent / "private/secret")
        commit = site(root, private, str(root), server.getsockname()[1])
        found = said(commit if side == "a commit" else "", root, trusted=False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert found[:6] == [
        "failed: FileNotFoundError",
        "failed: FileNotFoundError",
        "failed: FileNotFoundError",
        "failed: OSError",
        "failed: OSError",
        "failed: ConnectionRefusedError",
    ]
    assert found[6:] == [False, shutil.which("bwrap")]
    assert git(root, "status", "--porcelain") == ""
    assert not (root / ".strata/written").exists()


def test_who_is_trusted_may_do_all_that(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        commit = site(root, str(root.parent / "private/secret"), str(root), server.getsockname()[1])
        found = said(commit, root, trusted=True)
        assert server.accept()[0].recv(100) == b"hello"
    assert found[0] == "done: not to be seen"
    assert (root / "written").exists()


def test_without_namespaces_it_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commit = site(root, "", "", 1)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{shutil.which('git')[:-4]}")  # type: ignore[index]
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin/bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(StrataError, match=r"No permissions to create a new namespace.* or say --trust"):
        compiled(commit, Request(root / "hosts.yml"))
    monkeypatch.setattr(confined.shutil, "which", lambda _: None)
    with pytest.raises(StrataError, match="bubblewrap is not installed"):
        compiled(commit, Request(root / "hosts.yml"))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no JSON\n}\n",
        '{"hosts": ["web01"]\n}\n',
        '{"hosts": []\n}\n{"version": 1}',
        '{"hosts": []\n}\n{"version": 1, "host": "../../etc/x"\n}\n',
        '{"hosts": []\n}\n{"version": 1, "host": "a\\u0000b"\n}\n',
        '{"hosts": ' + "[" * 100_000 + "\n}\n",
    ],
)
def test_what_is_no_catalog_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    commit = site(root, "", "", 1)
    monkeypatch.setattr(elsewhere, "confined", lambda *_: ["/usr/bin/printf", "%s", answer])
    with pytest.raises(StrataError, match="what it compiles to are no catalogs"):
        compiled(commit, Request(root / "hosts.yml"))


def test_a_revision_with_a_state_of_its_own_is_refused(root: Path) -> None:
    (root / ".gitignore").unlink()
    shutil.rmtree(root / ".strata")
    (root / ".strata").symlink_to("/")
    commit = site(root, "", "", 1)
    (root / ".strata").unlink()
    with pytest.raises(StrataError, match=r"the revision has a file \.strata"):
        compiled(commit, Request(root / "hosts.yml"))


def test_the_inventory_may_be_elsewhere(root: Path) -> None:
    commit = site(root, "", "", 1)
    outside = root.parent / "production"
    outside.mkdir()
    shutil.move(root / "hosts.yml", outside / "hosts.yml")
    assert list(compiled(commit, Request(outside))) == [HOST]


def test_a_host_that_a_commit_does_not_have(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = site(root, "", "", 1)
    (root / "hosts.yml").write_text(f"all:\n  hosts:\n    {HOST}:\n    new:\n")
    request = Request(root / "hosts.yml", ("new",))
    assert list(compiled(commit, request)) == []
    assert list(compiled("", request)) == ["new"]
    monkeypatch.setattr(elsewhere, "compiled", None)  # it is remembered
    assert list(compiled(commit, request)) == []


def test_facts_that_are_given(root: Path) -> None:
    tasks = [{"command": "echo {{ ansible_facts.distribution_release }}"}]
    (root / "site.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    (root / "recorded/facts").mkdir(parents=True)
    (root / f"recorded/facts/{HOST}.json").write_text('{"distribution_release": "bookworm"}')
    git(root, "init", "-q", "-b", "main")
    for given, release in (({}, "bookworm"), ({"distribution_release": "trixie"}, "trixie")):
        request = Request(root / "hosts.yml", given=given, trusted=True)
        assert compiled("", request)[HOST].resources[0].args["_raw_params"] == f"echo {release}"
