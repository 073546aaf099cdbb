"""Testing a working copy of a module with the whole system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from strata.cli import cli
from strata.errors import UsageError
from strata.suite import cases, checks
from strata.suite.parts import Part
from strata.verbs import converge
from strata.verbs import test as verb

from .conftest import SRC

if TYPE_CHECKING:
    from .conftest import Checkout, Server

SITE = "- hosts: localhost\n  gather_facts: false\n  roles: [one]\n"
TASK = "- ansible.builtin.copy: {{content: {}, dest: '{{{{ playbook_dir }}}}/said', mode: '0644'}}\n"


@pytest.fixture
def used(server: Server, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Make a checkout whose only part of the suite is a play with a module."""
    repo = server.repo("ansible-one")
    repo.files({"tasks/main.yml": TASK.format("locked")})
    checkout.env((repo, "main"))
    checkout.well("lock")
    checkout.well("sync")
    (checkout.root / "ansible.cfg").write_text("[defaults]\nroles_path = roles:vendor/roles\n")
    (checkout.root / "site.yml").write_text(SITE)

    def run(report: Path, log: Path) -> int:
        command = [Path(sys.executable).parent / "ansible-playbook", "site.yml"]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(checkout.root / "ansible.cfg")}
        done = subprocess.run(command, cwd=checkout.root, env=environment, capture_output=True, text=True, check=False)
        log.write_text(done.stdout + done.stderr)
        cases.write(report, "play", {"play": done.stdout + done.stderr if done.returncode else ""})
        return done.returncode

    monkeypatch.setattr(verb, "all_parts", lambda: [Part("play", run)])
    monkeypatch.setattr(verb, "ROOT", checkout.root)
    monkeypatch.setattr("strata.suite.run.REPORTS", checkout.root / ".strata/reports")
    monkeypatch.setattr("strata.suite.parts.REPORTS", checkout.root / ".strata/reports")
    monkeypatch.setenv("ANSIBLE_ROLES_PATH", "unset")
    monkeypatch.delenv("ANSIBLE_ROLES_PATH")
    return checkout


def said(checkout: Checkout, *arguments: str) -> str:
    """Run the suite, and return what the role said."""
    done = CliRunner().invoke(cli, ["test", *arguments])
    assert done.exit_code == 0, done.output
    return (checkout.root / "said").read_text()


def test_a_working_copy_takes_the_place_of_a_module(used: Checkout, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "tasks").mkdir(parents=True)
    (copy / "tasks/main.yml").write_text(TASK.format("changed"))
    before = used.role("one").readlink()
    assert said(used) == "locked"
    assert said(used, "--with", f"one={copy}") == "changed"
    assert used.role("one").readlink() == before
    assert used.well("check") == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("one", "one: write NAME=PATH"),
        ("=x", "=x: write NAME=PATH"),
        ("two=.", "two=.: modules.env has no module two: it has one"),
        ("one=/nowhere", "one=/nowhere: /nowhere is not a folder"),
    ],
)
@pytest.mark.usefixtures("used")
def test_wrong_use(given: str, message: str) -> None:
    done = CliRunner().invoke(cli, ["test", "--with", given])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == message


def test_lint_knows_modules_env(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    check = next(check for check in checks.checks() if check.name == "modules")
    assert check.run([]) == ""
    monkeypatch.setattr(checks, "ROOT", checkout.root)
    checkout.file.write_text('SOURCE_MODULES["https://git.example.org/ansible-one"]="1.0"\n')
    assert check.run([]) == "modules.lock is not what modules.env says of one: run `bin/strata modules lock`"


def test_our_own_modules_env_shows_forms_that_can_be_read(checkout: Checkout) -> None:
    """The examples in its comments are right."""
    lines = (SRC.parent / "modules.env").read_text().splitlines()
    examples = [line.removeprefix("# ") for line in lines if "=" in line.split(" #")[0]]
    checkout.file.write_text("\n".join(examples))
    found = checkout.well("list").splitlines()
    assert [line.split()[0] for line in found] == ["haproxy", "tape_library", "planet"]


def test_converge_says_what_is_not_locked(used: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converge, "ROOT", used.root)
    monkeypatch.setattr(converge, "converge", lambda _options: (True, []))

    def output() -> str:
        done = CliRunner().invoke(cli, ["converge", "--inventory", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert output() == ""
    (used.role("one") / "tasks/main.yml").write_text("[]\n")
    said = "vendor/roles is not what is locked: one: edited tasks/main.yml; `bin/strata modules sync` brings it\n"
    assert output() == said
