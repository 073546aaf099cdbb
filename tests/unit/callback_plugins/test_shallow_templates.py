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
          - "{{ lookup('how_copied') }}"
    - ansible.builtin.debug:
        msg: "then {{ given | length }} {{ computed | length }} {{ given[0].name }}"
"""
ALTER = """\
{% set _ = given.append({}) %}{% set _ = computed.append({}) %}{% set _ = given[0].update(name='changed') -%}
{{ given | length }}-{{ computed | length }}"""
HOW_COPIED = """
from ansible.plugins.lookup import LookupBase, template
class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        return ["by " + template.deepcopy.__name__]
"""


@pytest.mark.parametrize(("enabled", "copied"), [("shallow_templates", "by dict"), ("validated_once", "by deepcopy")])
def test_what_a_template_alters_nobody_else_sees(tmp_path: Path, enabled: str, copied: str) -> None:
    for name, text in {
        "play.yml": PLAY,
        "templates/alter.j2": ALTER,
        "lookup_plugins/how_copied.py": HOW_COPIED,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACKS_ENABLED": enabled}
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("- 2-3\n") == 2
    assert copied in done.stdout
    assert "then 1 2 one" in done.stdout
