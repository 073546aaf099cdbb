"""Each rule: what the change of one file affects in a small repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.affected.report import affected, follow
from strata.suite.pythons import unit_parts

if TYPE_CHECKING:
    from strata.affected.places import Places

    from .conftest import Repository

APT = "apt ci_static httpd project_server project_static"
ALL_SCENARIOS = APT
WEB = "ci_static httpd project_static"
SERVER = "ci_static project_server project_static"
SANDBOX = "sandbox/static1 sandbox/static2"
STATIC = f"production/static1.example.org {SANDBOX}"
ALL_HOSTS = f"production/static1.example.org sandbox/logs1 {SANDBOX}"
#: Tests that are handed the whole checkout: any file that is not prose affects them.
WHOLE = {"export", "whole"}


@pytest.mark.parametrize(
    ("path", "roles", "scenarios", "tests", "hosts"),
    [
        # A role, and those above it; of prepare.yml, ci_static's scenario uses project_server.
        ("roles/apt/tasks/main.yml", APT, APT, "", STATIC),
        (
            "roles/httpd/defaults/main.yml",
            WEB,
            WEB,
            "",
            STATIC,
        ),
        (
            "roles/project_server/meta/main.yml",
            "project_server project_static",
            SERVER,
            "",
            STATIC,
        ),
        ("roles/project_static/vars/main.yml", "project_static", "project_static", "", STATIC),
        ("roles/apt/README.md", "", "", "", ""),
        # Modules and plugins: by the tasks and expressions of roles, by imports, by loaders, by playbooks
        ("library/httpd_server.py", WEB, WEB, "", STATIC),
        ("library/apt_server.py", APT, APT, "apt_server", STATIC),
        ("library/tried_server.py", "", "apt httpd", "", ""),
        (
            "module_utils/strata/web/run.py",
            WEB,
            WEB,
            "web",
            STATIC,
        ),
        (
            "module_utils/strata/web/__init__.py",
            WEB,
            WEB,
            "web",
            STATIC,
        ),
        ("module_utils/strata/files.py", APT, APT, "apt_server deep", STATIC),
        ("action_plugins/guarded.py", WEB, WEB, "", STATIC),
        ("action_plugins/preflight.py", APT, APT, "", STATIC),
        ("lookup_plugins/contributions.py", APT, APT, "", STATIC),
        (
            "filter_plugins/vhosts.py",
            WEB,
            WEB,
            "folder",
            STATIC,
        ),
        ("filter_plugins/unused.py", "", "", "folder", ""),
        ("filter_plugins/of_hosts.py", "", "", "folder", "sandbox/static1"),
        ("filter_plugins/of_scenarios.py", "", "apt", "folder", ""),
        ("test_plugins/listening.py", "", "", "named", ""),
        ("callback_plugins/idle.py", "", "", "", ""),
        # Scenarios and tests on hosts
        ("molecule/apt/budget", "", "apt", "", ""),
        ("molecule/apt/prepare.yml", "", "apt httpd", "", ""),
        ("molecule/shared/create.yml", "", ALL_SCENARIOS, "", ""),
        ("molecule/shared/library/host_fingerprint.py", "", ALL_SCENARIOS, "", ""),
        (".config/molecule/config.yml", "", ALL_SCENARIOS, "", ""),
        ("tests/testinfra/conftest.py", "", ALL_SCENARIOS, "", ""),
        ("tests/testinfra/shared/test_runs.py", "", ALL_SCENARIOS, "", ""),
        ("tests/testinfra/client.py", "", "apt", "", ""),
        ("tests/testinfra/data.json", "", ALL_SCENARIOS, "", ""),
        ("tests/testinfra/httpd/test_httpd.py", "", "httpd", "", ""),
        # Inventories and node definitions
        ("site.yml", "", "", "", ALL_HOSTS),
        ("templates/shop.vhost.j2", "", "", "", ALL_HOSTS),
        ("inventories/production/templates/shop.vhost.j2", "", "", "", "production/static1.example.org"),
        ("inventories/sandbox/hosts.yml", "", "", "", f"sandbox/logs1 {SANDBOX}"),
        ("inventories/sandbox/group_vars/all/all.yml", "", "", "", f"sandbox/logs1 {SANDBOX}"),
        ("inventories/sandbox/group_vars/static.yml", "", "", "", SANDBOX),
        ("inventories/sandbox/host_vars/static1/apt.yml", "", "", "", "sandbox/static1"),
        ("inventories/production/hosts.yml", "", "", "", "production/static1.example.org"),
        ("inventories/exceptions.yml", "", "", "", ""),
        # Flat files: by a contribution's src, a lookup, a variable of hosts, and the whole tree of Gerrit's projects
        ("project-config/static/docs/index.html", "project_static", "project_static", "", STATIC),
        (
            "project-config/keys/example.asc",
            "project_server project_static",
            SERVER,
            "",
            STATIC,
        ),
        ("project-config/logs/pages/index.html", "", "", "", "sandbox/logs1"),
        ("project-config/gerrit/projects.yaml", "ci_static project_static", "ci_static project_static", "", STATIC),
        ("project-config/unread", "", "", "", ""),
        # The command line: its users by imports, and who runs it
        ("src/strata/errors.py", "", "httpd", "errors export modules", ""),
        ("src/strata/verbs/modules.py", "", "", "modules", ""),
        ("src/strata/verbs/export.py", "", "httpd", "export", ""),
        ("src/strata/sandbox/hosts.py", "", ALL_SCENARIOS, "", ""),
        ("src/strata/sandbox/pages/host.html.j2", "", ALL_SCENARIOS, "", ""),
        # Unit tests
        ("tests/unit/test_web.py", "", "", "web", ""),
        ("tests/unit/deep/fake.py", "", "", "deep", ""),
        ("tests/unit/deep/data.json", "", "", "deep", ""),
        (".yamllint", "", "", "", ""),
        ("benchmarks/W1/ours.yml", "", "", "", ""),
    ],
    ids=lambda value: value if "." in value else "",
)
def test_a_file_affects(places: Places, path: str, roles: str, scenarios: str, tests: str, hosts: str) -> None:
    found = follow(places, "", [path])
    assert found.changed == [path]
    assert found.unplaced == []
    assert found.roles == roles.split()
    assert found.scenarios == scenarios.split()
    assert {name.rpartition("/test_")[2].removesuffix(".py") for name in found.unit_tests} == {*tests.split(), *WHOLE}
    assert [f"{inventory}/{name}" for inventory, names in found.hosts.items() for name in names] == hosts.split()
    sandbox = ["sandbox"] if "sandbox/" in hosts or path.startswith(("src/strata/errors", "src/strata/verbs")) else []
    assert found.parts == [*sorted(["lint", *sandbox, *unit_parts()]), *scenarios.split()]


@pytest.mark.parametrize("path", ["LICENSE", "CHANGELOG.md", "docs/unread.md", "project-config/README.md"])
def test_prose_that_no_test_reads_affects_nothing(places: Places, path: str) -> None:
    found = follow(places, "", [path])
    assert (found.unplaced, list(found.chains)[1:]) == ([], [])


def test_prose_affects_the_tests_that_read_it(places: Places) -> None:
    found = follow(places, "", ["docs/read.md"])
    assert (found.unit_tests, found.parts) == (["tests/unit/test_page.py"], unit_parts())


def test_prose_affects_the_sandbox_that_reads_it(places: Places) -> None:
    found = follow(places, "", ["docs/recipes.md"])
    assert (found.unit_tests, found.parts) == ([], ["sandbox"])


@pytest.mark.parametrize(
    "path",
    [
        *("ansible.cfg", "bin/strata", "requirements.txt"),
        *("callback_plugins/recorder.py", "callback_plugins/terse.py", "vars_plugins/private.py"),
    ],
)
def test_what_all_runs_take_part_in_affects_everything(places: Places, path: str) -> None:
    found = follow(places, "", [path])
    assert (found.roles, found.scenarios) == (APT.split(), ALL_SCENARIOS.split())
    assert len(found.unit_tests) == len(list((places.tree.change.newer / "tests/unit").rglob("test_*.py")))
    assert found.parts == [*sorted(["lint", "sandbox", *unit_parts()]), *ALL_SCENARIOS.split()]
    assert found.hosts == {"production": ["static1.example.org"], "sandbox": ["logs1", "static1", "static2"]}
    assert found.unplaced == []


def test_settings_of_all_tests_affect_no_host(places: Places) -> None:
    found = follow(places, "", ["pyproject.toml"])
    assert (found.scenarios, found.roles, found.hosts) == (ALL_SCENARIOS.split(), [], {})
    assert "tests/unit/test_web.py" in found.unit_tests


def test_a_file_that_no_rule_places_affects_everything(repository: Repository) -> None:
    repository.write("extra/thing.py", "")
    found = repository.change("extra/thing.py")
    assert found.unplaced == ["extra/thing.py"]
    assert (found.roles, found.scenarios) == (APT.split(), ALL_SCENARIOS.split())


@pytest.mark.parametrize(
    ("path", "old", "new"), [("modules.env", '"v1"', '"v2"'), ("modules.lock", "0" * 40, "1" * 40)]
)
def test_roles_of_other_repositories_affect_those_that_use_them(
    repository: Repository, path: str, old: str, new: str
) -> None:
    repository.write(".gitignore", "/vendor/\n")
    repository.write("vendor/roles/acme/meta/main.yml", "dependencies: []\n")
    repository.write("roles/ci_static/meta/main.yml", "dependencies: [httpd, acme]\n")
    repository.write(path, f"{(repository.root / path).read_text()}# of no role\n")
    repository.commit()
    repository.write(path, (repository.root / path).read_text().replace(old, new))
    found = affected(repository.root, None)
    assert (found.roles, found.scenarios) == (["acme", "ci_static", "project_static"], ["ci_static", "project_static"])
    assert affected(repository.root, "HEAD~1..HEAD").roles == ["ci_static", "project_static"]
