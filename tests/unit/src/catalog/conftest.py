"""A small site of its own, and the catalogs of its hosts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.plugins.vars import host_group_vars

from strata.catalog.compile import Compiler

if TYPE_CHECKING:
    from pathlib import Path

    from strata.catalog.resource import Catalog, Resource

HOST = "web01"


class Small:
    """A site in `folder`; its tasks call the module `command`, of which `calls` gives the words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("hosts.yml", {"all": {"children": {"web": {"hosts": {HOST: {}, "web02": {}}}}}})
        self.facts(HOST, {"distribution": "Debian"})

    def write(self, path: str, content: object) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def facts(self, host: str, facts: dict[str, Any]) -> None:
        self.write(f"facts/{host}.json", json.dumps(facts))

    def play(self, tasks: str, **keywords: Any) -> None:
        """Write site.yml with one play, whose tasks are YAML."""
        self.write("site.yml", [{"hosts": "web", "tasks": yaml.safe_load(tasks), **keywords}])

    def catalog(self, host: str = HOST, *extra_vars: str) -> Catalog:
        # What Ansible reads once a process.
        host_group_vars.FOUND.clear()
        host_group_vars.NAK.clear()
        source, facts = self.folder / "hosts.yml", self.folder / "facts"
        playbook = self.folder / "site.yml"
        compiler = Compiler(source, tree=self.folder, playbook=playbook, facts=facts, extra_vars=extra_vars)
        return compiler.catalog(host)

    def resources(self, *arguments: str) -> tuple[Resource, ...]:
        catalog = self.catalog(*arguments)
        assert catalog.refused is None, catalog.refused
        return catalog.resources

    def said(self, *arguments: str) -> list[str]:
        """Return what the tasks `command: echo ...` say, in order."""
        return [each.args["_raw_params"].removeprefix("echo ") for each in self.resources(*arguments)]

    def refused(self, *arguments: str) -> str:
        catalog = self.catalog(*arguments)
        assert catalog.refused is not None
        assert catalog.resources == ()
        return catalog.refused


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)
