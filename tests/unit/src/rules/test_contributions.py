import pytest

from strata.rules.contributions import collectors_read_by_the_lookup, contributions_have_a_collector

from ..sample import Checkout

DEFAULTS = "roles/ci_static/defaults/main.yml"


def test_contribution_names_a_parameter(checkout: Checkout) -> None:
    checkout.append(DEFAULTS, "ci_static__apt_wonted: []\n")
    message = f"{DEFAULTS}:3: ci_static__apt_wonted: no role has a parameter apt_wonted"
    assert checkout.broken(contributions_have_a_collector) == [message]


def test_contribution_adds_to_a_list(checkout: Checkout) -> None:
    checkout.replace("roles/apt/meta/argument_specs.yml", "type: list", "type: dict")
    messages = checkout.broken(contributions_have_a_collector)
    assert "roles/httpd/defaults/main.yml:2: httpd__apt_wanted: apt_wanted of apt is not a list" in messages


def test_contribution_is_collected(checkout: Checkout) -> None:
    checkout.replace("roles/apt/tasks/main.yml", "lookup('contributions', 'apt_wanted')", "apt_wanted")
    message = "apt does not collect apt_wanted: it never reads lookup('contributions', 'apt_wanted')"
    assert checkout.broken(contributions_have_a_collector) == [
        f"roles/httpd/defaults/main.yml:2: httpd__apt_wanted: {message}",
        f"roles/project_server/defaults/main.yml:1: project_server__apt_wanted: {message}",
    ]


@pytest.mark.parametrize(
    "lookup",
    [
        "query('contributions', 'apt_wanted')",
        "lookup('ansible.builtin.contributions', 'other', 'apt_wanted', origins=true)",
        "lookup(\n          'contributions',\n          'apt_wanted')",
    ],
)
def test_other_forms_of_the_lookup(checkout: Checkout, lookup: str) -> None:
    checkout.replace("roles/apt/tasks/main.yml", "lookup('contributions', 'apt_wanted')", lookup)
    assert checkout.broken(contributions_have_a_collector) == []
    assert checkout.broken(collectors_read_by_the_lookup) == []


def test_contribution_stands_in_defaults(checkout: Checkout) -> None:
    checkout.write("roles/ci_static/vars/main.yml", "ci_static__apt_wanted: []\n")
    message = "ci_static__apt_wanted is a contribution, which stands in defaults/main.yml"
    assert checkout.broken(contributions_have_a_collector) == [f"roles/ci_static/vars/main.yml:1: {message}"]


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("tasks/more.yml", '- name: A\n  acme: "{{ apt_wanted + [] }}"\n', 2),
        ("tasks/more.yml", "- name: A\n  acme:\n  when: apt_wanted | length > 0\n", 3),
        ("handlers/main.yml", '- name: A\n  acme:\n    list: ["{{ apt_wanted }}"]\n', 2),
        ("templates/list.j2", "# apt_wanted\n{% for name in apt_wanted %}\n", 2),
        ("vars/main.yml", '_apt_names: "{{ apt_wanted }}"\n', 1),
    ],
)
def test_collected_parameter_is_not_read_by_hand(checkout: Checkout, path: str, text: str, line: int) -> None:
    checkout.write(f"roles/apt/{path}", text)
    message = f"roles/apt/{path}:{line}: apt_wanted is collected: read it by lookup('contributions', 'apt_wanted')"
    assert checkout.broken(collectors_read_by_the_lookup) == [message]


def test_what_only_looks_like_reading_by_hand(checkout: Checkout) -> None:
    checkout.write(
        "roles/apt/templates/list.j2", "apt_wanted {{ item.apt_wanted }} {{ f(apt_wanted=1) }} {{ apt_wanted_x }}"
    )
    assert checkout.broken(collectors_read_by_the_lookup) == []
