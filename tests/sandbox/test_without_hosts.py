"""What is left when the sandbox goes: nothing. Its file comes last, as it takes down what the others use."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from strata.paths import CHECKOUT, STATE

if TYPE_CHECKING:
    from tests.sandbox.conftest import Sandbox


def running() -> list[str]:
    """The command lines of all processes of this machine."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may have ended by now
            commands.append(path.read_text(errors="replace").replace("\0", " "))
    return commands


def test_down_leaves_nothing(sandbox: Sandbox) -> None:
    assert sandbox.strata("down").code == 0
    podman = {"CONTAINERS_CONF": str(STATE / "containers.conf")}
    for command in (("ps", "--all"), ("network", "ls")):
        listing = json.loads(sandbox.run("podman", *command, "--format=json", **podman).output or "[]")
        assert not [entry for entry in listing if f"strata-{CHECKOUT}-test" in str(entry)]
    assert not (STATE / "sandboxes" / "test").exists()
    assert not Path("/run/strata", f"{CHECKOUT}-test").exists()
    assert not [command for command in running() if f"{CHECKOUT}-test" in command]
    status = sandbox.status()
    assert {host["state"] for host in status.values()} == {"absent"}
    assert sandbox.strata("converge").code == 2
