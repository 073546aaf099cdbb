"""What changes of this repository affect, and that each of its files has a place."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.affected.change import Change
from strata.affected.places import Places, placed
from strata.affected.report import follow
from strata.affected.tree import Tree
from strata.paths import ROOT
from strata.suite.parts import all_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from strata.affected.report import Affected

TRACKED = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
PRESENT = frozenset(path for path in TRACKED.split("\0") if path and ((ROOT / path).is_file()))
SCENARIOS = {path.split("/")[1] for path in PRESENT if path.startswith("molecule/") and path.endswith("/molecule.yml")}
STATIC = {"example": ["static01.example.org", "static02.example.org"], "sandbox": ["static01", "static02"]}
REVIEW = {"example": ["review01.example.org"], "sandbox": ["review01"]}
ALL = {"sandbox": ["bastion01", "logs01", "review01", "static01", "static02"]}


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Affected]:
    """Return what tells what a change of a file affects."""
    places = Places(Tree(Change("", (), PRESENT, ROOT, tmp_path_factory.mktemp("older"))))

    def changed(path: str) -> Affected:
        assert path in PRESENT
        return follow(places, "", [path])

    return changed


def test_every_file_has_a_place() -> None:
    assert [path for path in sorted(PRESENT) if not placed(path)] == []


@pytest.mark.parametrize(
    ("path", "roles", "scenarios", "hosts"),
    [
        ("roles/project_static/templates/docs.vhost.j2", "project_static", "project_static", STATIC),
        (
            "roles/ci_static_site/defaults/main.yml",
            "ci_static_site project_static",
            "ci_static_site project_static",
            STATIC,
        ),
        ("roles/project_review/vars/main.yml", "project_review", "project_review", REVIEW),
        ("filter_plugins/static_sites.py", "ci_static_site project_static", "ci_static_site project_static", STATIC),
        ("filter_plugins/versioncmp.py", "", "", {}),
        ("project-config/static/docs/current/index.html", "project_static", "project_static", STATIC),
        (
            "project-config/gerrit/projects.yaml",
            "ci_review_server project_review",
            "ci_review_server project_review",
            REVIEW,
        ),
        ("inventories/sandbox/group_vars/static.yml", "", "", {"sandbox": STATIC["sandbox"]}),
        ("inventories/example/group_vars/review.yml", "", "", {"example": REVIEW["example"]}),
        ("inventories/exceptions.yml", "", "", {}),
        ("molecule/flat_files/files/acls/README.md", "", "flat_files", {}),
        ("tests/testinfra/syslog_tls.py", "", "ci_log_server rsyslog", {}),
        ("docs/recipes.md", "", "", {}),
        ("modules.env", "", "", {}),
        ("src/strata/bench/run.py", "", "", {}),
        ("LICENSE", "", "", {}),
    ],
)
def test_a_change_of_few_things(
    path: str, roles: str, scenarios: str, hosts: dict[str, list[str]], change: Callable[[str], Affected]
) -> None:
    found = change(path)
    assert (found.roles, found.scenarios, found.hosts) == (roles.split(), scenarios.split(), hosts)


@pytest.mark.parametrize(
    ("path", "roles", "others", "hosts"),
    [
        (
            "roles/apt/tasks/main.yml",
            "apt httpd gerrit project_server project_static",
            "accounts sysctl iptables_",
            ALL,
        ),
        (
            "module_utils/strata/units.py",
            "certificates gerrit limits project_static",
            "accounts apt httpd iptables",
            ALL,
        ),
        ("module_utils/strata/apache/plan.py", "httpd ci_log_server project_static", "apt project_bastion", {}),
        ("library/sysctl_settings.py", "sysctl project_server", "httpd apt", ALL),
        ("action_plugins/guarded_change.py", "iptables sshd", "accounts flat_files", ALL),
        ("src/strata/project_config/acl.py", "gerrit ci_review_server project_review", "apt project_static", REVIEW),
    ],
)
def test_a_change_of_many_roles(
    path: str, roles: str, others: str, hosts: dict[str, list[str]], change: Callable[[str], Affected]
) -> None:
    found = change(path)
    assert set(roles.split()) <= set(found.roles)
    assert not set(others.split()) & set(found.roles)
    assert set(found.roles) <= set(found.scenarios)
    assert hosts.items() <= found.hosts.items()


@pytest.mark.parametrize(
    "path",
    [
        "molecule/shared/converge.yml",
        "molecule/shared/library/host_fingerprint.py",
        "tests/testinfra/conftest.py",
        "src/strata/errors.py",
        "pyproject.toml",
        "ansible.cfg",
        "requirements.txt",
        "callback_plugins/run_record.py",
        "vars_plugins/private_tree.py",
    ],
)
def test_a_change_of_what_all_scenarios_share(path: str, change: Callable[[str], Affected]) -> None:
    assert set(change(path).scenarios) == SCENARIOS


@pytest.mark.parametrize(
    ("path", "tests", "others"),
    [
        (
            "module_utils/strata/units.py",
            "module_utils/test_units module_utils/service/test_run",
            "module_utils/apt/test_run",
        ),
        (
            "filter_plugins/versioncmp.py",
            "filter_plugins/test_versions test_documentation",
            "filter_plugins/test_table",
        ),
        ("src/strata/vendored/git.py", "src/vendored/test_sync", "src/project_config/test_acl"),
        ("src/strata/errors.py", "src/rules/test_tasks src/vendored/test_env", "module_utils/test_units"),
        ("docs/architecture.md", "test_arrows", "test_dependencies"),
        ("docs/dependencies.md", "test_dependencies", "test_arrows"),
        ("roles/snmpd/templates/snmpd.conf.j2", "src/variables/test_explain", "filter_plugins/test_versions"),
        ("roles/retention/files/retention.py", "roles/test_retention", "src/vendored/test_sync"),
    ],
)
def test_unit_tests_are_those_that_use_a_file(
    path: str, tests: str, others: str, change: Callable[[str], Affected]
) -> None:
    found = {test.removeprefix("tests/unit/").removesuffix(".py") for test in change(path).unit_tests}
    assert set(tests.split()) <= found
    assert not set(others.split()) & found


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("docs/recipes.md", {"sandbox"}),
        ("CHANGELOG.md", set()),
        ("typings/ansible/plugins/vars.pyi", {"lint"}),
        ("src/strata/verbs/up.py", {"lint", "sandbox"}),
    ],
)
def test_parts_are_those_that_run_a_file(path: str, parts: set[str], change: Callable[[str], Affected]) -> None:
    found = {part for part in change(path).parts if not part.startswith("unit")}
    assert found == parts


def test_everything_is_all_parts(change: Callable[[str], Affected]) -> None:
    assert set(change("requirements.txt").parts) == {part.name for part in all_parts()}
