"""An inventory with a host of the play of static sites, and what `strata explain` says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.plugins.vars import host_group_vars
from ansible.utils.vars import load_extra_vars
from click.testing import CliRunner

from strata.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

HOST = "web01"


@dataclass
class Data:
    """The inventory in `folder`."""

    folder: Path

    def write(self, path: str, content: object) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def strata(self, verb: str, *arguments: str) -> tuple[int, str]:
        """Run a verb; return its exit code, and its output or the sentence that it failed with."""
        # What Ansible reads once a process: the variables of its command line, and which files there are.
        vars(load_extra_vars).pop("extra_vars", None)
        host_group_vars.FOUND.clear()
        host_group_vars.NAK.clear()
        done = CliRunner().invoke(cli, [verb, "-i", str(self.folder), *arguments])
        return done.exit_code, done.stdout or str(done.exception)

    def explain(self, *arguments: str) -> dict[str, Any]:
        """Return what is said of the host's variables, by their names."""
        code, output = self.strata("explain", HOST, "--json", *arguments)
        assert code == 0, output
        found: dict[str, Any] = json.loads(output)["variables"]
        return found

    def one(self, name: str, *arguments: str) -> dict[str, Any]:
        """Return what is said of one variable."""
        found: dict[str, Any] = self.explain(name, *arguments)[name]
        return found


@pytest.fixture
def data(tmp_path: Path) -> Data:
    data = Data(tmp_path / "inventory")
    data.write("hosts.yml", {"all": {"children": {"static": {"hosts": {HOST: None}}}}})
    return data
