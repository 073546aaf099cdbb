import pytest

from strata.rules import parameters

from ..sample import Checkout

SPECS = "roles/httpd/meta/argument_specs.yml"
DEFAULTS = "roles/httpd/defaults/main.yml"


def test_role_has_specs(checkout: Checkout) -> None:
    (checkout.root / SPECS).unlink()
    assert checkout.broken(parameters.specs_describe_the_role) == [f"{SPECS}:1: httpd has no argument_specs.main"]


def test_role_has_a_short_description(checkout: Checkout) -> None:
    checkout.replace(SPECS, "short_description: The role httpd", "author: me")
    message = f"{SPECS}:3: argument_specs.main has no short_description"
    assert checkout.broken(parameters.specs_describe_the_role) == [message]


def test_role_says_what_stays(checkout: Checkout) -> None:
    checkout.replace(SPECS, "When the role is taken away: ", "Later: ")
    message = f"{SPECS}:4: the last paragraph of the description must begin with 'When the role is taken away:'"
    assert checkout.broken(parameters.specs_describe_the_role) == [message]


def test_every_default_is_an_option(checkout: Checkout) -> None:
    checkout.append(DEFAULTS, "httpd_more: 1\n")
    message = f"{DEFAULTS}:3: httpd_more is not an option of meta/argument_specs.yml"
    assert checkout.broken(parameters.options_are_the_defaults) == [message]


@pytest.mark.parametrize(
    ("default", "spec", "message"),
    [
        ("", "{}", "httpd_more has no default in defaults/main.yml, and is not required"),
        (
            "httpd_more: 1\n",
            "{required: true}",
            "httpd_more is required, and so can't have a default in defaults/main.yml",
        ),
        ("httpd_more: 1\n", "{default: 2}", "the default of httpd_more is not the one in defaults/main.yml"),
        ("httpd_more: true\n", "{default: 1}", "the default of httpd_more is not the one in defaults/main.yml"),
    ],
)
def test_options_and_defaults_agree(checkout: Checkout, default: str, spec: str, message: str) -> None:
    checkout.append(DEFAULTS, default)
    checkout.append(SPECS, f"      httpd_more: {spec}\n")
    assert checkout.broken(parameters.options_are_the_defaults) == [f"{SPECS}:16: {message}"]


@pytest.mark.parametrize(
    ("default", "spec"),
    [
        ("", "{required: true}"),
        ("httpd_more: yes\n", "{default: true}"),
        ("httpd_more: {a: [1]}\n", "{default: {a: [1]}}"),
    ],
)
def test_options_with_the_same_default_and_required_ones(checkout: Checkout, default: str, spec: str) -> None:
    checkout.append(DEFAULTS, default)
    checkout.append(SPECS, f"      httpd_more: {spec}\n")
    assert checkout.broken(parameters.options_are_the_defaults) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{description: D}", "has no type"),
        ("{description: D, type: string}", "has the type string, which Ansible does not know"),
        ("{description: D, type: list}", "is a list without elements"),
        ("{description: D, type: list, elements: text}", "has the elements text, which Ansible does not know"),
        ("{type: str}", "has no description"),
    ],
)
def test_options_are_typed_and_described(checkout: Checkout, spec: str, message: str) -> None:
    checkout.append(SPECS, f"      httpd_more: {spec}\n")
    assert checkout.broken(parameters.options_are_typed) == [f"{SPECS}:16: httpd_more {message}"]


def test_keys_of_options_are_typed(checkout: Checkout) -> None:
    checkout.append(SPECS, "        options:\n          port:\n            description: A port.\n")
    assert checkout.broken(parameters.options_are_typed) == [f"{SPECS}:17: port has no type"]


def test_defaults_carry_the_role_name(checkout: Checkout) -> None:
    checkout.append(DEFAULTS, "apache_port: 80\n")
    message = f"{DEFAULTS}:3: apache_port must begin with httpd_"
    assert checkout.broken(parameters.defaults_carry_the_role_name) == [message]


@pytest.mark.parametrize("name", ["apt_wanted", "ci_static_sites", "_project_static_names"])
def test_vars_set_parameters_of_all_roles_below(checkout: Checkout, name: str) -> None:
    checkout.write("roles/project_static/vars/main.yml", f"{name}: []\n")
    assert checkout.broken(parameters.vars_flow_down) == []


@pytest.mark.parametrize("name", ["httpd_wonted", "project_mail_domain"])
def test_vars_set_nothing_else(checkout: Checkout, name: str) -> None:
    checkout.append("roles/project_static/vars/main.yml", f"{name}: []\n")
    message = (
        f"roles/project_static/vars/main.yml:2: {name} is not a variable of project_static "
        "(it does not begin with project_static_), nor a parameter of a role below it"
    )
    assert checkout.broken(parameters.vars_flow_down) == [message]


def test_service_vars_are_their_own(checkout: Checkout) -> None:
    checkout.write("roles/httpd/vars/main.yml", "_httpd_unit: apache2\napt_wanted: []\n")
    message = (
        "roles/httpd/vars/main.yml:2: apt_wanted is not a variable of httpd "
        "(it does not begin with httpd_), and this a service role"
    )
    assert checkout.broken(parameters.vars_flow_down) == [message]


def test_roles_of_one_play_set_a_variable_once(checkout: Checkout) -> None:
    checkout.write("roles/project_server/vars/main.yml", "apt_wanted: []\n")
    checkout.write("roles/ci_static/vars/main.yml", "httpd_wanted: []\napt_wanted: []\n")
    message = (
        "roles/ci_static/vars/main.yml:2: apt_wanted is also set in roles/project_server/vars/main.yml:1, "
        "and a play runs both roles"
    )
    assert checkout.broken(parameters.vars_are_set_once) == [message]


def test_roles_of_two_plays_may_set_the_same_variable(checkout: Checkout) -> None:
    checkout.role("project_mail", ["apt"], [])
    checkout.write("roles/project_mail/vars/main.yml", "apt_wanted: [exim4]\n")
    checkout.write("roles/project_static/vars/main.yml", "apt_wanted: []\n")
    checkout.append("site.yml", "- name: Mail\n  hosts: mail\n  roles: [project_mail]\n")
    assert checkout.broken(parameters.vars_are_set_once) == []
