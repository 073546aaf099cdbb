"""Which checks a change has, in which order, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.gate.plan import What

if TYPE_CHECKING:
    from ..affected.conftest import Repository
    from .conftest import Planned


def names(planned: Planned) -> list[str]:
    return [check.name for check in planned().checks]


def test_a_page_that_only_people_read_needs_next_to_nothing(repository: Repository, planned: Planned) -> None:
    repository.touch("docs/unread.md")
    assert names(planned) == ["merges with the base", "secrets"]


def test_a_page_that_a_test_reads_needs_that_test(repository: Repository, planned: Planned) -> None:
    repository.touch("docs/read.md")
    (unit,) = [check for check in planned().checks if check.what == What.UNIT]
    assert unit.paths == ("tests/unit/test_page.py",)
    assert unit.why == ("docs/read.md", "tests/unit/test_page.py")


def test_a_service_role_needs_its_own_scenario_and_the_way_up_to_it(repository: Repository, planned: Planned) -> None:
    repository.touch("roles/httpd/tasks/main.yml")
    checks = planned().checks
    assert [check.what for check in checks] == sorted((check.what for check in checks), key=rank)
    on_hosts = [check for check in checks if check.sandboxes]
    assert [(check.name, check.sandboxes) for check in on_hosts] == [
        ("httpd", ("molecule-httpd",)),
        ("httpd, upgrade", ("molecule-httpd",)),
    ]
    assert on_hosts[0].why == ("roles/httpd/tasks/main.yml", "role httpd", "scenario httpd")
    assert {"layer rules", "example: preflight", "ansible-lint"} <= {check.name for check in checks}
    (lint,) = [check for check in checks if check.name == "ansible-lint"]
    assert lint.paths == ("roles/httpd/tasks/main.yml",)


def rank(what: What) -> int:
    """Return the place of a check, where ansible-lint may come after the unit tests."""
    return 0 if what in {What.LINT, What.UNIT} else list(What).index(what) if what != What.MERGE else -1


def test_what_only_depends_on_a_changed_role_is_named(repository: Repository, planned: Planned) -> None:
    repository.touch("roles/httpd/tasks/main.yml")
    (note,) = planned().notes
    assert note.endswith("--dependents also runs ci_static project_static")
    wider = planned(dependents=True)
    assert [check.name for check in wider.checks if check.what == What.SCENARIO] == [
        "httpd",
        "ci_static",
        "project_static",
    ]
    assert wider.notes == []


@pytest.mark.parametrize(
    ("path", "hosts"),
    [
        ("roles/ci_static/defaults/main.yml", ("static1", "static2")),
        ("roles/project_static/defaults/main.yml", ("static1", "static2")),
        ("inventories/sandbox/host_vars/static1/apt.yml", ("static1",)),
        ("inventories/sandbox/group_vars/static.yml", ("static1", "static2")),
        ("site.yml", ("logs1", "static1", "static2")),
        ("project-config/static/docs/index.html", ("static1", "static2")),
        ("ansible.cfg", ("logs1", "static1", "static2")),
    ],
)
def test_above_the_service_roles_hosts_are_converged(
    repository: Repository, planned: Planned, path: str, hosts: tuple[str, ...]
) -> None:
    repository.touch(path)
    (sandbox,) = [check for check in planned().checks if check.what == What.SANDBOX]
    assert sandbox.paths == hosts


def test_a_new_role_has_nothing_to_come_from(repository: Repository, planned: Planned) -> None:
    repository.write("roles/mail/meta/main.yml", "dependencies: []\n")
    repository.write("molecule/mail/molecule.yml", "")
    assert "mail" in names(planned)
    assert "mail, upgrade" not in names(planned)


def test_a_test_on_hosts_needs_no_way_up(repository: Repository, planned: Planned) -> None:
    repository.touch("tests/testinfra/httpd/test_httpd.py")
    assert [check.name for check in planned().checks if check.sandboxes] == ["httpd"]


def test_tests_of_the_sandbox_run_as_a_whole(repository: Repository, planned: Planned) -> None:
    repository.touch("tests/sandbox/test_recipes.py")
    assert names(planned)[-1] == "tests of the sandbox"


def test_the_base_judges_a_change_of_the_gates_own_rules(repository: Repository, planned: Planned) -> None:
    repository.touch("pyproject.toml")
    made = planned()
    by_base = {check.subject for check in made.checks if check.what == What.LINT_BY_BASE}
    assert by_base == {check.subject for check in made.checks if check.what == What.LINT}
    assert "layer rules" in by_base
    assert made.notes[0].endswith("so that those of its base judge it as well: pyproject.toml")


@pytest.mark.parametrize("path", [".ci/run", "src/strata/rules/files.py", "src/strata/gate/plan.py"])
def test_files_of_the_gate_that_are_gone_count_too(repository: Repository, planned: Planned, path: str) -> None:
    repository.write(path, "")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    (repository.root / path).unlink()
    made = planned()
    assert path in made.notes[0]
    assert [check for check in made.checks if check.what == What.LINT_BY_BASE]


def test_tests_that_are_gone_are_run_as_the_base_has_them(repository: Repository, planned: Planned) -> None:
    (repository.root / "tests/unit/deep/test_deep.py").unlink()
    made = planned()
    (gone,) = [check for check in made.checks if check.what == What.TESTS_OF_BASE]
    assert gone.paths == ("tests/unit/deep/test_deep.py",)
    assert made.notes == ["the change deletes tests: tests/unit/deep/test_deep.py"]


def test_a_budget_is_named(repository: Repository, planned: Planned) -> None:
    repository.write("molecule/httpd/budget", "9\n")
    assert planned().notes == ["the change changes what the scenarios demand: molecule/httpd/budget"]
