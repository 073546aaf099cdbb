"""The callback plugin shallow_templates: templates get variables uncopied, and cannot alter them for others."""

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
  vars:
    given: [{name: one}]
    computed: "{{ given + [{'name': 'two'}] }}"
  tasks:
    - ansible.builtin.debug:
        msg:
          - "{{ lookup('ansible.builtin.template', 'alter.j2') }}"
          - "{{ lookup('ansible.builtin.template', 'alter.j2') }}"
          - "{{ lookup('copies') }}"
    - ansible.builtin.debug:
        msg: "then {{ given | length }} {{ computed | length }} {{ given[0].name }}"
"""
ALTER = """\
{% set _ = given.append({}) %}{% set _ = computed.append({}) %}{% set _ = given[0].update(name='changed') -%}
{{ given | length }}-{{ computed | length }}"""
COPIES = """
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
class Counted(dict):
    copies = 0
    def __deepcopy__(self, memo):
        Counted.copies += 1
        return self
class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        template.run(["alter.j2"], {**variables, "counted": Counted()})
        return [f"copied {Counted.copies} times"]
"""


@pytest.mark.parametrize(("enabled", "copied"), [("shallow_templates", 0), ("validated_once", 1)])
def test_what_a_template_alters_nobody_else_sees(tmp_path: Path, enabled: str, copied: int) -> None:
    for name, text in {
        "play.yml": PLAY,
        "templates/alter.j2": ALTER,
        "lookup_plugins/copies.py": COPIES,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACKS_ENABLED": enabled}
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("- 2-3\n") == 2
    assert f"copied {copied} times" in done.stdout
    assert "then 1 2 one" in done.stdout
