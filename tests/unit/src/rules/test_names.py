import pytest

from strata.rules.names import (
    expressions_name_known_keys,
    expressions_name_known_variables,
    expressions_stay_the_same,
)

from ..sample import Checkout

TEMPLATE = "roles/httpd/templates/site.conf.j2"
VARS = "roles/httpd/vars/main.yml"


@pytest.mark.parametrize(
    "text",
    [
        "{{ httpd_wanted }}{{ apt_wanted | nonesuch }}",
        "{% for each in httpd_wanted %}{{ each }}{% endfor %}{% set other = 1 %}{{ other }}",
        "{{ ci_static_sites | default([]) }}{% if ci_static_sites is defined %}{% endif %}",
        "{{ inventory_hostname }}{{ lookup('file', item) }}",
    ],
)
def test_variables_of_the_role_and_of_those_below_it_are_known(checkout: Checkout, text: str) -> None:
    checkout.write(TEMPLATE, text)
    assert checkout.broken(expressions_name_known_variables) == []


@pytest.mark.parametrize("name", ["httpd_wantd", "ci_static_sites", "_httpd_server"])
def test_a_variable_of_nobody_and_one_of_a_role_above_are_named(checkout: Checkout, name: str) -> None:
    checkout.write(TEMPLATE, f"# first\n{{% if httpd_wanted %}}{{{{ {name} }}}}{{% endif %}}\n")
    message = f"{TEMPLATE}:2: {name} is a variable of neither httpd nor a role that it depends on"
    assert checkout.broken(expressions_name_known_variables) == [message]


def test_conditions_defaults_and_vars_are_looked_at_too(checkout: Checkout) -> None:
    checkout.append("roles/httpd/tasks/main.yml", "    - name: More\n      acme:\n      when: none_a\n")
    checkout.append("roles/httpd/defaults/main.yml", "httpd_more: ['{{ none_b }}']\n")
    checkout.write(VARS, "_httpd: {a: '{{ none_c }}'}\n_other: '{{ a }}'\n")
    broken = checkout.broken(expressions_name_known_variables)
    assert [text.partition(": ")[2].split()[0] for text in broken] == ["none_b", "none_a", "none_c"]


def test_a_key_that_no_parameter_has_is_named(checkout: Checkout) -> None:
    checkout.write(VARS, "_httpd: {owner: root}\n")
    checkout.write(TEMPLATE, "{{ _httpd.owner }}{{ 'x'.split('.') }}\n{{ _httpd.ownr | default('root') }}\n")
    message = f"{TEMPLATE}:2: .ownr is a key of no parameter or variable of any role"
    assert checkout.broken(expressions_name_known_keys) == [message]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{ now() }}", "now"),
        ("{{ ansible_facts.date_time.epoch }}", "date_time"),
        ("{{ httpd_wanted | random }}", "random"),
        ("{{ '%s' | strftime }}", "strftime"),
    ],
)
def test_what_is_another_value_in_each_run_is_named(checkout: Checkout, text: str, named: str) -> None:
    checkout.write(TEMPLATE, f"x\n{text}\n")
    assert checkout.broken(expressions_stay_the_same) == [f"{TEMPLATE}:2: {named} is another value in each run"]


def test_what_stays_the_same_may_have_a_date(checkout: Checkout) -> None:
    checkout.write(TEMPLATE, "# now (updated) at random\n{{ '%Y' | strftime(0) }}{{ httpd_wanted | length }}\n")
    assert checkout.broken(expressions_stay_the_same) == []
