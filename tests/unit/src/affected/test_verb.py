"""`strata affected`: what it prints, and the chains."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from strata.affected.places import CONFIGURATION
from strata.cli import cli
from strata.errors import UsageError
from strata.suite.pythons import unit_parts
from strata.verbs import affected as verb

if TYPE_CHECKING:
    from .conftest import Repository


@pytest.fixture(autouse=True)
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the verb work on the small repository."""
    monkeypatch.setattr(verb, "ROOT", repository.root)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["affected", *arguments])


def test_a_person_reads_a_line_of_each(repository: Repository) -> None:
    repository.touch("roles/httpd/tasks/main.yml")
    result = run()
    assert result.exit_code == 0
    assert result.output == (
        "roles:      ci_static httpd project_static\n"
        "scenarios:  ci_static httpd project_static\n"
        "unit tests: tests/unit/test_export.py tests/unit/test_whole.py\n"
        f"parts:      lint sandbox {' '.join(unit_parts())} ci_static httpd project_static\n"
        "hosts:      production/static1.example.org sandbox/static1 sandbox/static2\n"
    )


def test_nothing_is_said_to_be_affected(repository: Repository) -> None:
    repository.touch("LICENSE")
    assert " ".join(run().output.split()) == "roles: none scenarios: none unit tests: none parts: none hosts: none"


def test_a_file_without_a_rule_is_named(repository: Repository) -> None:
    repository.write("extra", "")
    assert run().output.startswith("no rule says what extra affects: everything runs\nroles:      apt ")
    assert json.loads(run("--json").output)["unplaced"] == ["extra"]


def test_a_program_reads_json(repository: Repository) -> None:
    repository.touch("inventories/sandbox/host_vars/static1/apt.yml")
    assert json.loads(run("main..HEAD", "--json").output)["changed"] == []
    assert json.loads(run("--json").output) == {
        "base": repository.git("rev-parse", "HEAD"),
        "changed": ["inventories/sandbox/host_vars/static1/apt.yml"],
        "unplaced": [],
        "roles": [],
        "scenarios": [],
        "unit_tests": ["tests/unit/test_export.py", "tests/unit/test_whole.py"],
        "parts": ["lint", "sandbox", *unit_parts()],
        "hosts": {"sandbox": ["static1"]},
    }


@pytest.mark.parametrize(
    ("path", "chains"),
    [
        (
            "roles/apt/tasks/main.yml",
            [
                "-> role apt -> role httpd -> scenario httpd",
                "-> role apt -> role httpd -> role ci_static -> scenario ci_static",
                "-> role apt -> role project_server -> role project_static -> host sandbox/static1",
                "-> role apt -> role project_server -> role project_static -> host sandbox/static1 -> part sandbox",
                "-> part lint",
            ],
        ),
        (
            "roles/project_server/tasks/main.yml",
            ["-> role project_server -> molecule/ci_static/prepare.yml -> scenario ci_static"],
        ),
        (
            "module_utils/strata/files.py",
            [
                "-> module_utils/strata/packages.py -> library/apt_server.py -> role apt",
                "-> tests/unit/deep/fake.py -> tests/unit/deep/conftest.py -> tests/unit/deep/test_deep.py",
            ],
        ),
        ("action_plugins/guarded.py", ["-> action_plugins/httpd_server.py -> role httpd -> scenario httpd"]),
        (
            "src/strata/sandbox/hosts.py",
            [f"-> src/strata/sandbox/__main__.py -> molecule/shared/create.yml -> {CONFIGURATION} -> scenario apt"],
        ),
        ("callback_plugins/recorder.py", ["-> ansible.cfg -> everything -> scenario apt"]),
        ("project-config/static/docs/index.html", ["-> role project_static -> host production/static1.example.org"]),
        ("docs/recipes.md", ["-> tests/sandbox/test_recipes.py -> part sandbox"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_is_the_shortest_chain(repository: Repository, path: str, chains: list[str]) -> None:
    repository.touch(path)
    lines = run("--why").output.splitlines()
    assert [chain for chain in chains if f"{path} {chain}" not in lines] == []


def test_why_as_json(repository: Repository) -> None:
    repository.touch("roles/apt/tasks/main.yml")
    found = json.loads(run("--why", "--json").output)
    assert found["why"]["scenario httpd"] == ["roles/apt/tasks/main.yml", "role apt", "role httpd", "scenario httpd"]
    assert {*found["why"]} == {
        *(f"role {name}" for name in found["roles"]),
        *(f"scenario {name}" for name in found["scenarios"]),
        *found["unit_tests"],
        *(f"part {name}" for name in found["parts"] if name not in found["scenarios"]),
        *(f"host {inventory}/{name}" for inventory, names in found["hosts"].items() for name in names),
    }


def test_a_wrong_range_ends_with_2() -> None:
    error = run("main..gone").exception
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
