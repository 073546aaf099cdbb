"""The callback plugin validated_once: a play that begins with preflight has no other validation of roles."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PREFLIGHT = "  pre_tasks:\n    - preflight:\n      tags: always\n"
PLAY = """
- hosts: localhost
  connection: local
{before}
  roles: {roles}
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

    def play(before: str, *flags: str, roles: str = "[two]") -> tuple[list[str], str]:
        (tmp_path / "play.yml").write_text(PLAY.format(before=before, roles=roles))
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
        }
        command = ["ansible-playbook", "-i", "localhost,", FACTS, *flags, tmp_path / "play.yml"]
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
        PREFLIGHT + "      run_once: true\n",
        PREFLIGHT + "      ignore_errors: true\n",
        "  ignore_errors: true\n" + PREFLIGHT,
        PREFLIGHT + "      failed_when: false\n",
        PREFLIGHT + "      loop: []\n",
        PREFLIGHT + "      vars: {one_size: 1}\n",
        PREFLIGHT + "      delegate_to: localhost\n",
        PREFLIGHT + "      ignore_unreachable: true\n",
        "  pre_tasks:\n    - block: [{preflight: , tags: always}]\n      rescue: [{debug: }]\n",
        PREFLIGHT + "    - set_fact: {two_size: 2}\n",
        PREFLIGHT + "    - block: [{ansible.builtin.include_vars: /dev/null}]\n",
    ],
    ids=[
        "without", "not first", "not always", "not for all", "run once", "ignored", "ignored in the block",
        "never failed", "looped", "with variables", "delegated", "unreachable", "rescued",
        "facts later", "variables later",
    ],
)  # fmt: skip
def test_without_preflight_for_all_each_role_is_validated(run, before):
    tasks = run(before)[0]
    assert tasks[-4:] == ["one : Validating arguments", "one : Work", "two : Validating arguments", "two : Work"]


def test_a_run_that_starts_behind_preflight_validates_each_role(run):
    assert run(PREFLIGHT, "--start-at-task=Work")[0] == ["one : Work", "two : Validating arguments", "two : Work"]


@pytest.mark.parametrize(
    "roles",
    ["[{role: two, two_size: 2}]", "[{role: two, vars: {two_size: 2}}]", "[{role: two, vars: {one_size: 2}}]"],
    ids=["parameters", "variables", "variables of what it depends on"],
)
def test_a_role_that_gets_variables_of_its_own_is_validated(run, roles):
    assert "two : Validating arguments" in run(PREFLIGHT, roles=roles)[0]


@pytest.mark.parametrize(("given", "wrong"), [("two_size", "two"), ("one_size", "one")])
def test_what_a_play_gives_a_role_wrongly_is_found(run, given, wrong):
    tasks, said = run(PREFLIGHT, roles=f"[{{role: two, vars: {{{given}: big}}}}]")
    assert tasks[-1] == f"{wrong} : Validating arguments"
    assert "big" in said


def test_a_role_that_gets_no_variables_beside_one_that_does_is_not_validated_again(run):
    assert run(PREFLIGHT, roles="[one, {role: two, vars: {two_size: 2}}]")[0][1] == "one : Work"


@pytest.mark.parametrize("place", ["meta/main.yml", "meta/argument_specs.yaml"])
def test_preflight_validates_a_spec_wherever_ansible_finds_it(run, tmp_path, place):
    spec = tmp_path / "roles/one/meta/argument_specs.yml"
    with (tmp_path / "roles/one" / place).open("a") as stream:
        stream.write(spec.read_text())
    spec.unlink()
    assert run(PREFLIGHT)[0] == ["preflight", "one : Work", "two : Work"]
    tasks, said = run(PREFLIGHT, "--extra-vars=one_size=big")
    assert tasks == ["preflight"]
    assert "one_size is wrong" in said


def test_a_role_that_sets_variables_has_all_validated(run, tmp_path):
    (tmp_path / "roles/one/tasks/main.yml").write_text(
        "- block:\n    - ansible.builtin.set_fact:\n        two_size: big\n"
    )
    tasks, said = run(PREFLIGHT)
    assert tasks[-1] == "two : Validating arguments"
    assert "big" in said


def test_a_run_that_skips_preflight_validates_each_role(run):
    assert (
        "two : Validating arguments"
        in run(PREFLIGHT, "--skip-tags=preflight,always")[0]
        + run("  pre_tasks:\n    - preflight:\n      tags: [always, early]\n", "--skip-tags=early")[0]
    )


def test_a_run_that_skips_something_else_validates_once(run):
    assert run(PREFLIGHT, "--skip-tags=late")[0] == run(PREFLIGHT)[0]
