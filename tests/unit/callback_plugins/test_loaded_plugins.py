"""The callback plugin loaded_plugins: what many tasks need is loaded once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ 'a' | loud }} {{ lookup('word') }}"
      loop: [1, 2]
    - ansible.builtin.debug:
        msg: "{{ 'b' | loud }} {{ lookup('word') }}"
"""
COUNTED = "with open({count!r}, 'a') as stream:\n    stream.write('x')\n"
FILTER = COUNTED + "class FilterModule:\n    def filters(self):\n        return {{'loud': str.upper}}\n"
LOOKUP = (
    COUNTED + "from ansible.plugins.lookup import LookupBase\n"
    "class LookupModule(LookupBase):\n    def run(self, terms, variables=None, **kwargs):\n        return ['word']\n"
)


@pytest.mark.parametrize(("enabled", "times"), [("loaded_plugins", 1), ("validated_once", 2)])
def test_a_plugin_is_loaded_once(tmp_path: Path, enabled: str, times: int) -> None:
    counts = {"filter": tmp_path / "filters", "lookup": tmp_path / "lookups"}
    for kind, text in (("filter", FILTER), ("lookup", LOOKUP)):
        (tmp_path / f"{kind}_plugins").mkdir()
        name = {"filter": "loud", "lookup": "word"}[kind]
        (tmp_path / f"{kind}_plugins/{name}.py").write_text(text.format(count=str(counts[kind])))
    (tmp_path / "play.yml").write_text(PLAY)
    settings = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACKS_ENABLED": enabled,
        "ANSIBLE_FILTER_PLUGINS": str(tmp_path / "filter_plugins"),
        "ANSIBLE_LOOKUP_PLUGINS": str(tmp_path / "lookup_plugins"),
    }
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("A word") == 2
    assert [len(count.read_text()) for count in counts.values()] == [times, times]
