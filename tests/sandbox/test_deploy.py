"""`strata deploy`: from a commit to the host, killed on the way, and back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Sandbox

HOST = "static01"
TEMPLATE = "roles/project_static/templates/docs.vhost.j2"
SERVED = "/etc/apache2/sites-available/10-docs.example.org.conf"


class Origin:
    """A repository whose branch is deployed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        self.git("switch", "--quiet", "--force-create", "deployed")

    def git(self, *arguments: str) -> str:
        named = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        command = ["git", "-C", str(self.folder), *named, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def mark(self, text: str) -> None:
        """Merge a change of the virtual host that the static servers have."""
        path = self.folder / TEMPLATE
        path.write_text(f"# {text}\n{path.read_text()}")
        self.git("commit", "--quiet", "--all", "--message", text)


@pytest.fixture
def bastion(sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[Sandbox, Origin]]:
    """Deploys to one host of the sandbox, which has in the end what it had."""
    origin = Origin(tmp_path / "origin")
    given = {"url": str(origin.folder), "branch": "deployed", "inventory": "inventories/sandbox"}
    (tmp_path / "deploy.yml").write_text(json.dumps(given | {"folder": str(tmp_path / "deploy")}))
    first = origin.git("rev-parse", "HEAD")
    user = type(sandbox)()
    user.environment |= {"STRATA_DEPLOY_SETTINGS": str(tmp_path / "deploy.yml")}
    yield user, origin
    done = user.strata("deploy", "--limit", HOST, "--rollback", first, "--yes")
    assert done.code == 0, done.output
    assert f"{HOST} is due: affected since" in done.output
    assert f"{HOST}: changed: 1 changes" in done.output
    assert "the mark" not in sandbox.on(HOST, f"cat {SERVED}").output


def test_what_merges_reaches_the_host_and_nothing_else_is_asked(
    bastion: tuple[Sandbox, Origin], tmp_path: Path
) -> None:
    user, origin = bastion
    origin.mark("the mark")
    killed(user, tmp_path)
    assert "not ended" in user.strata("runs").output

    done = user.strata("deploy", "--limit", HOST)
    assert done.code == 0, done.output
    assert f"{HOST} is due: it is not as" in done.output
    assert "the mark" in user.on(HOST, f"cat {SERVED}").output
    assert "as deployed" in user.strata("hosts").output

    tools, asked = tmp_path / "bin", tmp_path / "asked"
    tools.mkdir()
    (tools / "ssh").write_text(f"#!/bin/sh\ntouch {asked}\nexit 255\n")
    (tools / "ssh").chmod(0o755)
    done = user.strata("deploy", "--limit", HOST, PATH=f"{tools}:{os.environ['PATH']}")
    assert (done.code, "no host is due" in done.output) == (0, True)
    assert not asked.exists()


def killed(user: Sandbox, folder: Path) -> None:
    """Begin a deploy, and kill it while Ansible is at work on the host; with it, Ansible ends."""
    with subprocess.Popen(
        ["bin/strata", "deploy", "--limit", HOST], cwd=ROOT, env=user.environment, stdout=subprocess.DEVNULL
    ) as process:
        end = time.monotonic() + 180
        while not at_work(folder):
            assert time.monotonic() < end, "Ansible was not begun"
            time.sleep(0.1)
        time.sleep(2)  # any moment will do, but not the first one
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while at_work(folder):
        assert time.monotonic() < end, "Ansible goes on without the deploy"
        time.sleep(0.1)


def at_work(folder: Path) -> list[str]:
    """The processes of Ansible that have a tree of the deploy in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_bytes())
    return [line.decode() for line in found if b"ansible-playbook" in line and str(folder).encode() in line]
