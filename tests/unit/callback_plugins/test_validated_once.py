"""The callback plugin validated_once: a play that begins with preflight has no other validation of roles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PREFLIGHT = "  pre_tasks:\n    - preflight:\n      tags: always\n"
PLAY = """
- hosts: localhost
  connection: local
{before}
  roles: [two]
"""
FACTS = '--extra-vars={"ansible_facts": {"distribution": "Debian"}}'
SPEC = "argument_specs: {{main: {{options: {{{0}_size: {{type: int}}}}}}}}\n"


@pytest.fixture
def run(tmp_path):
    """Run a play with a role and the one that it depends on; return the names of its tasks and the whole output."""
    for role, dependencies in (("one", "[]"), ("two", "[one]")):
        for folder in ("meta", "tasks", "defaults"):
            (tmp_path / "roles" / role / folder).mkdir(parents=True)
        (tmp_path / "roles" / role / "meta/argument_specs.yml").write_text(SPEC.format(role))
        (tmp_path / "roles" / role / "meta/main.yml").write_text(f"dependencies: {dependencies}\n")
        (tmp_path / "roles" / role / "tasks/main.yml").write_text(
            "- name: Work\n  ansible.builtin.debug:\n    msg: hi\n"
        )
        (tmp_path / "roles" / role / "defaults/main.yml").write_text(f"{role}_size: 1\n")

    def play(before: str, *flags: str) -> tuple[list[str], str]:
        (tmp_path / "play.yml").write_text(PLAY.format(before=before))
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(tmp_path / "roles"),
            "ANSIBLE_NOCOLOR": "1",
        }
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [program, "-i", "localhost,", FACTS, *flags, tmp_path / "play.yml"]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("TASK [")]
        return [line[len("TASK [") : line.rindex("]")].split(" against")[0] for line in lines], done.stdout

    return play


def test_preflight_takes_the_place_of_the_validation_of_each_role(run):
    assert run(PREFLIGHT)[0] == ["preflight", "one : Work", "two : Work"]


def test_preflight_still_validates(run):
    tasks, said = run(PREFLIGHT, "--extra-vars=one_size=big")
    assert tasks == ["preflight"]
    assert "one_size is wrong" in said


@pytest.mark.parametrize(
    "before",
    [
        "",
        "  pre_tasks:\n    - ansible.builtin.debug:\n    - preflight:\n      tags: always\n",
        "  pre_tasks:\n    - preflight:\n",
        "  pre_tasks:\n    - preflight:\n      tags: always\n      when: inventory_hostname == 'other'\n",
    ],
    ids=["without", "not first", "not always", "not for all"],
)
def test_without_preflight_for_all_each_role_is_validated(run, before):
    tasks = run(before)[0]
    assert tasks[-4:] == ["one : Validating arguments", "one : Work", "two : Validating arguments", "two : Work"]


def test_a_run_that_starts_behind_preflight_validates_each_role(run):
    assert run(PREFLIGHT, "--start-at-task=Work")[0] == ["one : Work", "two : Validating arguments", "two : Work"]
