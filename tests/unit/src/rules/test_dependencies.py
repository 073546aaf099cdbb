import pytest

from strata.rules.dependencies import (
    dependencies_are_bare_names,
    dependencies_make_no_cycle,
    dependencies_point_down,
)

from ..sample import Checkout


@pytest.mark.parametrize(
    ("role", "dependency", "layers"),
    [
        ("httpd", "ci_static", "httpd is a service role and can't depend on ci_static, a ci role"),
        ("httpd", "project_server", "httpd is a service role and can't depend on project_server, a project role"),
        ("ci_static", "ci_other", "ci_static is a ci role and can't depend on ci_other, a ci role"),
        ("ci_static", "project_server", "ci_static is a ci role and can't depend on project_server, a project role"),
        (
            "project_static",
            "project_b",
            "project_static is a project role and can't depend on project_b, a project role",
        ),
    ],
)
def test_dependencies_point_down(checkout: Checkout, role: str, dependency: str, layers: str) -> None:
    if not (checkout.root / "roles" / dependency).exists():
        checkout.role(dependency, [], [])
    checkout.write(f"roles/{role}/meta/main.yml", f"dependencies:\n  - apt\n  - {dependency}\n")
    assert checkout.broken(dependencies_point_down) == [f"roles/{role}/meta/main.yml:3: {layers}"]


def test_project_roles_may_depend_on_services(checkout: Checkout) -> None:
    checkout.write("roles/project_static/meta/main.yml", "dependencies: [project_server, httpd]\n")
    assert checkout.broken(dependencies_point_down) == []


@pytest.mark.parametrize("entry", ["role: apt", "{role: apt, when: true}", "apt,v1", "'{{ manager }}'"])
def test_dependencies_are_bare_names(checkout: Checkout, entry: str) -> None:
    checkout.write("roles/httpd/meta/main.yml", f"dependencies:\n  - {entry}\n")
    message = "roles/httpd/meta/main.yml:2: a dependency is a bare name, without parameters, tags, when or become"
    assert message in checkout.broken(dependencies_are_bare_names)


def test_dependencies_exist(checkout: Checkout) -> None:
    checkout.write("roles/httpd/meta/main.yml", "dependencies:\n  - apt\n  - acme\n")
    assert checkout.broken(dependencies_are_bare_names) == ["roles/httpd/meta/main.yml:3: there is no role acme"]


def test_dependencies_may_come_from_other_repositories(checkout: Checkout) -> None:
    checkout.write("vendor/roles/acme/meta/main.yml", "")
    checkout.write("roles/httpd/meta/main.yml", "dependencies: [acme]\n")
    assert checkout.broken(dependencies_are_bare_names) == []


def test_roles_run_once(checkout: Checkout) -> None:
    checkout.append("roles/httpd/meta/main.yml", "allow_duplicates: true\n")
    message = "roles/httpd/meta/main.yml:2: allow_duplicates: a role runs once on a host"
    assert checkout.broken(dependencies_are_bare_names) == [message]


def test_dependencies_make_no_circle(checkout: Checkout) -> None:
    checkout.write("roles/apt/meta/main.yml", "dependencies:\n  - httpd\n")
    message = "roles/httpd/meta/main.yml:1: the dependencies make a circle: apt -> httpd -> apt"
    assert checkout.broken(dependencies_make_no_cycle) == [message]


def test_role_does_not_depend_on_itself(checkout: Checkout) -> None:
    checkout.write("roles/apt/meta/main.yml", "dependencies:\n  - apt\n")
    message = "roles/apt/meta/main.yml:2: the dependencies make a circle: apt -> apt"
    assert checkout.broken(dependencies_make_no_cycle) == [message]
