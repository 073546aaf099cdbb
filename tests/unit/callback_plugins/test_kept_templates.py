"""The callback plugin kept_templates: what is compiled once is compiled no more, until what it depends on changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]

PLAYBOOK = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"word": "first"},
        "tasks": [{"ansible.builtin.debug": {"msg": "of the play: {{ word }}"}}],
        "roles": ["one"],
    }
]
TASKS = [{"ansible.builtin.debug": {"msg": f"{word} {{{{ word }}}}"}} for word in ("left", "right")]


class Site:
    """A folder with a playbook and a role, whose two templates differ in one word."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = folder / "templates"
        self.write("play.yml", PLAYBOOK)
        self.write("roles/one/tasks/main.yml", TASKS)

    def write(self, name: str, content: Any) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    def run(self) -> str:
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACKS_ENABLED": "kept_templates",
            "ANSIBLE_ROLES_PATH": str(self.folder / "roles"),
            "ANSIBLE_FILTER_PLUGINS": str(self.folder / "filter_plugins"),
            "STRATA_TEMPLATES": str(self.kept),
        }
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", self.folder / "play.yml"]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> list[Path]:
        return sorted(self.kept.glob("*/*"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def said(output: str) -> list[str]:
    return [line.split(": ", 1)[1] for line in output.splitlines() if line.startswith("    msg: ")]


def test_what_is_kept_is_used(site: Site) -> None:
    """Whoever exchanges the two that are kept gets the words exchanged."""
    assert said(site.run()) == ["left first", "right first", "'of the play: first'"]
    assert len(site.files()) == 2
    assert site.kept.stat().st_mode & 0o777 == 0o700
    one, other = (path.read_bytes() for path in site.files())
    for path, content in zip(site.files(), (other, one), strict=True):
        path.write_bytes(content)
    assert said(site.run()) == ["right first", "left first", "'of the play: first'"]


def test_what_was_half_written_is_compiled_anew(site: Site) -> None:
    site.run()
    site.files()[0].write_bytes(b"")
    site.files()[1].write_bytes(site.files()[1].read_bytes()[:20])
    assert said(site.run()) == ["left first", "right first", "'of the play: first'"]


def test_a_changed_filter_leaves_nothing_as_it_was(site: Site) -> None:
    plugin = "class FilterModule:\n    def filters(self):\n        return {'loud': lambda text: text.upper()}\n"
    site.write("filter_plugins/loud.py", plugin)
    site.write("roles/one/tasks/main.yml", [{"ansible.builtin.debug": {"msg": "{{ word | loud }}"}}])
    assert said(site.run())[0] == "FIRST"
    changed = plugin.replace("lambda text", "pass_context(lambda context, text").replace("()}", "() + '!')}")
    site.write("filter_plugins/loud.py", f"from jinja2 import pass_context\n{changed}")
    assert said(site.run())[0] == "FIRST!"
    assert len(list(site.kept.iterdir())) == 2


def test_a_folder_that_others_may_write_to_is_not_used(site: Site) -> None:
    site.kept.mkdir()
    site.kept.chmod(0o777)
    assert f"{site.kept} is not used: others than its owner can write to it" in " ".join(site.run().split())
    assert site.files() == []
