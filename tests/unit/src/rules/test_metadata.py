import pytest

from strata import rules
from strata.rules.metadata import (
    left_behind_is_a_list,
    numbers_have_a_range,
    ranges_are_of_numbers,
    requirements_are_met,
    roles_have_a_version,
    roles_have_an_example,
)

from ..sample import Checkout

HTTPD = "roles/httpd/meta/strata.yml"
UNKNOWN = "the example sets {}, which is not a parameter of httpd or of a role below it"


@pytest.mark.parametrize("version", ["", "version: 1.2\n", "version: v1.2.0\n", "version: 1.2.0rc1\n"])
def test_roles_have_a_version(checkout: Checkout, version: str) -> None:
    checkout.write(HTTPD, version)
    assert checkout.broken(roles_have_a_version) == [f"{HTTPD}:1: httpd needs a version here, such as `version: 1.2.0`"]


def test_there_is_nothing_else_in_the_metadata(checkout: Checkout) -> None:
    checkout.append(HTTPD, "require: {apt: '>=1'}\n")
    assert checkout.broken(roles_have_a_version) == [
        f"{HTTPD}:3: require is not known here: choose from example, left_behind, ranges, requires, version"
    ]


def test_roles_of_others_need_no_version(checkout: Checkout) -> None:
    checkout.write("vendor/roles/acme/meta/main.yml", "")
    assert checkout.broken(roles_have_a_version) == []


@pytest.mark.parametrize("wanted", [">=1.2,<2", "==1.*", "~=1.1", ""])
def test_requirements_that_are_met(checkout: Checkout, wanted: str) -> None:
    checkout.append("roles/project_static/meta/strata.yml", f"requires:\n  httpd: '{wanted}'\n  apt: '{wanted}'\n")
    assert checkout.broken(requirements_are_met) == []


@pytest.mark.parametrize(
    ("required", "problem"),
    [
        ("apt: '>=1.3,<2'", "httpd requires apt >=1.3,<2, but the version of apt is 1.2.0"),
        ("apt: '>=1.2 <2'", "httpd requires apt >=1.2 <2, but that is not a set of versions, such as '>=1.2,<2'"),
        ("apt: 1.2", "httpd requires apt 1.2, but that is not a set of versions, such as '>=1.2,<2'"),
        ("ci_static: '>=1'", "httpd requires ci_static >=1, but it depends on no such role"),
        ("gone:", "httpd requires gone, but it depends on no such role"),
        ("acme.apt: '>=1'", "httpd requires acme.apt >=1, but it depends on no such role: its apt is apt"),
    ],
)
def test_requirements_that_are_not_met(checkout: Checkout, required: str, problem: str) -> None:
    checkout.append(HTTPD, f"requires:\n  {required}\n")
    assert checkout.broken(requirements_are_met) == [f"{HTTPD}:4: {problem}"]


def test_roles_that_are_called_the_same_are_told_apart(checkout: Checkout) -> None:
    checkout.write("vendor/roles/archive/meta/main.yml", "galaxy_info: {namespace: acme, role_name: archive}\n")
    checkout.write("vendor/roles/archive/meta/.galaxy_install_info", "version: 2.1.0\n")
    checkout.write("roles/httpd/meta/main.yml", "dependencies: [apt, archive]\n")
    checkout.append(HTTPD, "requires:\n  acme.archive: '>=2'\n  archive: '>=2.1'\n")
    assert checkout.broken(requirements_are_met) == []
    checkout.append(HTTPD, "  other.archive: '>=2'\n")
    assert checkout.broken(requirements_are_met) == [
        f"{HTTPD}:6: httpd requires other.archive >=2, but it depends on no such role: its archive is acme.archive"
    ]


def test_a_role_of_others_may_have_no_version(checkout: Checkout) -> None:
    checkout.write("vendor/roles/acme/meta/main.yml", "")
    checkout.write("roles/httpd/meta/main.yml", "dependencies: [apt, acme]\n")
    checkout.append(HTTPD, "requires:\n  acme: '>=1'\n")
    message = f"{HTTPD}:4: httpd requires acme >=1, but the version of acme is unknown"
    assert checkout.broken(requirements_are_met) == [message]


def test_requirements_are_a_mapping(checkout: Checkout) -> None:
    checkout.append(HTTPD, "requires: [apt]\n")
    assert f"{HTTPD}:3: requires must be a mapping, not list" in map(str, rules.check(checkout.root))


def test_the_version_of_a_role_of_others_is_its_tag(checkout: Checkout) -> None:
    checkout.write("vendor/roles/acme/meta/main.yml", "")
    checkout.write("modules.lock", "# A comment.\nacme 0123456789abcdef refs/tags/v1.4 https://example.org/acme\n")
    checkout.write("roles/httpd/meta/main.yml", "dependencies: [apt, acme]\n")
    checkout.append(HTTPD, "requires:\n  acme: '>=1.4,<2'\n")
    assert checkout.broken(requirements_are_met) == []
    acme = checkout.root / "vendor/roles/acme"
    acme.rename(checkout.root / "copy")
    acme.symlink_to(checkout.root / "copy")
    message = f"{HTTPD}:4: httpd requires acme >=1.4,<2, but the version of acme is unknown"
    assert checkout.broken(requirements_are_met) == [message]


@pytest.mark.parametrize(
    ("example", "messages"),
    [
        ("", ["httpd needs an example here, which sets the parameters that are used most"]),
        ("{}", ["httpd needs an example here, which sets the parameters that are used most"]),
        ("{apt_wanted: []}", ["httpd needs an example here, which sets the parameters that are used most"]),
        (
            "{httpd_wanted: [], httpd_wantde: []}",
            [f"{UNKNOWN.format('httpd_wantde')}: did you mean 'httpd_wanted'?"],
        ),
        (
            "{httpd_wanted: [], ci_static_sites: []}",
            [UNKNOWN.format("ci_static_sites")],
        ),
        ("{httpd_wanted: [], apt_wanted: [], strata_project_config: /srv/project-config}", []),
    ],
)
def test_roles_have_an_example(checkout: Checkout, example: str, messages: list[str]) -> None:
    checkout.write(HTTPD, f"version: 1.2.0\nexample: {example}\n")
    assert checkout.broken(roles_have_an_example) == [f"{HTTPD}:2: {message}" for message in messages]


def test_example_is_a_mapping(checkout: Checkout) -> None:
    checkout.write(HTTPD, "version: 1.2.0\nexample: [httpd_wanted]\n")
    assert f"{HTTPD}:2: example must be a mapping, not list" in map(str, rules.check(checkout.root))


@pytest.mark.parametrize(("given", "wrong"), [("[/etc/old, old.service]", False), ("/etc/old", True), ("[1]", True)])
def test_what_is_left_behind_is_a_list_of_patterns(checkout: Checkout, given: str, wrong: bool) -> None:
    checkout.append(HTTPD, f"left_behind: {given}\n")
    message = "left_behind is a list of patterns of paths, units and packages, such as [/var/lib/thing/*]"
    assert checkout.broken(left_behind_is_a_list) == ([f"{HTTPD}:3: {message}"] if wrong else [])


SPEC = """
argument_specs:
  main:
    options:
      httpd_age: {type: int, default: 30}
      httpd_name: {type: str}
      httpd_sites:
        type: list
        elements: dict
        options:
          timeout: {type: int}
"""


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("httpd_age: [0, 100]", ""),
        ("httpd_sites.timeout: [-1, 1]", ""),
        ("httpd_name: [0, 100]", "httpd_name is not a parameter, or a key of one, of the type int"),
        ("httpd_sites.time: [0, 100]", "httpd_sites.time is not a parameter, or a key of one, of the type int"),
        ("httpd_age: [0]", "httpd_age needs a lowest and a highest number, such as [0, 100]"),
        ("httpd_age: 5", "httpd_age needs a lowest and a highest number, such as [0, 100]"),
        ("httpd_age: [50, 100]", "httpd_age goes from 50 to 100, which leaves out its default 30"),
        ("httpd_age: [100, 0]", "httpd_age goes from 100 to 0, which leaves out its default 30"),
    ],
)
def test_ranges_are_of_numbers(checkout: Checkout, given: str, problem: str) -> None:
    checkout.write("roles/httpd/meta/argument_specs.yml", SPEC)
    checkout.append(HTTPD, f"ranges:\n  {given}\n")
    assert checkout.broken(ranges_are_of_numbers) == ([f"{HTTPD}:4: {problem}"] if problem else [])


def test_numbers_have_a_range(checkout: Checkout) -> None:
    more = "      httpd_ids: {type: list, elements: int}\n      httpd_ports: {type: list, elements: int}\n"
    spec = f"{SPEC}          port: {{type: int}}\n{more}"
    checkout.write("roles/httpd/meta/argument_specs.yml", spec)
    said = "is a whole number: give its lowest and highest value here, such as"
    assert checkout.broken(numbers_have_a_range) == [
        f"{HTTPD}:1: {name} {said} {name}: [0, 100]" for name in ("httpd_age", "httpd_ids", "httpd_sites.timeout")
    ]
    checkout.append(HTTPD, "ranges:\n  httpd_age: [0, 100]\n  httpd_sites.timeout: [1, 2]\n  httpd_ids: [1, 9]\n")
    assert checkout.broken(numbers_have_a_range) == []
    assert checkout.broken(ranges_are_of_numbers) == []
