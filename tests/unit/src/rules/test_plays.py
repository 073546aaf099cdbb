import pytest

from strata.errors import StrataError
from strata.repository.plays import assignments
from strata.rules.plays import hosts_are_in_one_play, plays_begin_with_preflight, plays_name_project_roles

from ..sample import Checkout


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("httpd", "site.yml names project roles only: a project role must bring in httpd"),
        ("ci_static", "site.yml names project roles only: a project role must bring in ci_static"),
        ("project_absent", "there is no role project_absent"),
        ("role: project_server", "an entry of roles: is a bare name, without parameters, tags, when or become"),
    ],
)
def test_site_names_project_roles(checkout: Checkout, role: str, message: str) -> None:
    checkout.append("site.yml", f"    - {role}\n")
    assert checkout.broken(plays_name_project_roles) == [f"site.yml:9: {message}"]


def test_roles_of_a_play_are_static(checkout: Checkout) -> None:
    checkout.replace("site.yml", "- project_static", '- "{{ roles_of_this_host }}"')
    assert "site.yml:8: an entry of roles: is a bare name" in checkout.broken(plays_name_project_roles)[0]


@pytest.mark.parametrize("key", ["tasks", "post_tasks", "handlers", "vars"])
def test_site_holds_nothing_but_roles(checkout: Checkout, key: str) -> None:
    checkout.append("site.yml", f"  {key}: []\n")
    message = f"site.yml:9: {key}: belongs into a role, not into the play 'Static'"
    assert checkout.broken(plays_name_project_roles) == [message]


def test_site_imports_no_playbook(checkout: Checkout) -> None:
    checkout.append("site.yml", "- import_playbook: other.yml\n")
    assert checkout.broken(plays_name_project_roles) == ["site.yml:9: only plays with hosts: stand in site.yml"]


def test_site_exists(checkout: Checkout) -> None:
    (checkout.root / "site.yml").unlink()
    assert checkout.broken(plays_name_project_roles) == ["site.yml:1: has no play"]


@pytest.mark.parametrize("tags", ["always", "[always]", "always, preflight"])
def test_preflight_is_tagged_always(checkout: Checkout, tags: str) -> None:
    checkout.replace("site.yml", "tags: always", f"tags: {tags}")
    assert checkout.broken(plays_begin_with_preflight) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tags: always", "tags: sometimes"),
        ("tags: always", "tags: always\n      when: false"),
        ("preflight:", "postflight:"),
    ],
)
def test_play_begins_with_preflight(checkout: Checkout, old: str, new: str) -> None:
    checkout.replace("site.yml", f"      {old}", f"      {new}")
    message = "site.yml:4: the play 'Static' must begin with the task preflight in pre_tasks, tagged always"
    assert checkout.broken(plays_begin_with_preflight) == [message]


def test_play_without_pre_tasks(checkout: Checkout) -> None:
    checkout.append("site.yml", "- name: Bare\n  hosts: bare\n  roles: [project_server]\n")
    message = "site.yml:9: the play 'Bare' must begin with the task preflight in pre_tasks, tagged always"
    assert checkout.broken(plays_begin_with_preflight) == [message]


def test_pre_tasks_hold_preflight_only(checkout: Checkout) -> None:
    checkout.replace("site.yml", "  roles:", "    - ansible.builtin.ping:\n  roles:")
    message = "site.yml:7: pre_tasks holds preflight only: other tasks need a role"
    assert checkout.broken(plays_begin_with_preflight) == [message]


def test_assignments_are_the_plays_of_each_host(checkout: Checkout) -> None:
    checkout.append("inventories/sandbox/hosts.yml", "    new:\n      hosts:\n        new1.example.org:\n")
    plays = assignments(checkout.root, checkout.root / "inventories/sandbox")
    assert plays == {"new1.example.org": [], "static1.example.org": ["Static"]}


def test_host_is_in_a_play(checkout: Checkout) -> None:
    checkout.append("inventories/sandbox/hosts.yml", "    new:\n      hosts:\n        new1.example.org:\n")
    assert checkout.broken(hosts_are_in_one_play) == [
        "site.yml:1: no play is for new1.example.org of inventories/sandbox"
    ]


def test_host_is_in_one_play_only(checkout: Checkout) -> None:
    checkout.append("site.yml", "- name: All\n  hosts: all:!other\n")
    message = "site.yml:9: static1.example.org of inventories/sandbox is in 2 plays: 'Static' and 'All'"
    assert checkout.broken(hosts_are_in_one_play) == [message]


@pytest.mark.parametrize("pattern", ["gone", "localhost"])
def test_play_has_a_host_of_an_inventory(checkout: Checkout, pattern: str) -> None:
    checkout.append("site.yml", f"- name: Gone\n  hosts: {pattern}\n")
    message = f"site.yml:9: the play 'Gone' is for no host of any inventory: nothing matches {pattern}"
    assert checkout.broken(hosts_are_in_one_play) == [message]


def test_broken_host_pattern_is_one_sentence(checkout: Checkout) -> None:
    checkout.replace("site.yml", "hosts: static", "hosts: ~(")
    with pytest.raises(StrataError, match=r"^site.yml:1: the hosts of the play 'Static': "):
        assignments(checkout.root, checkout.root / "inventories/sandbox")


def test_one_inventory_with_a_host_is_enough_for_a_play(checkout: Checkout) -> None:
    checkout.write("inventories/example/hosts.yml", "all:\n  hosts:\n    mail1.example.org:\n")
    checkout.append("site.yml", "- name: Mail\n  hosts: mail1*\n")
    assert checkout.broken(hosts_are_in_one_play) == []


def test_broken_inventory_is_one_sentence(checkout: Checkout) -> None:
    checkout.write("inventories/sandbox/hosts.yml", "all: [\n")
    [message] = checkout.broken(hosts_are_in_one_play)[:1]
    assert message.startswith("inventories/sandbox:1: ")
    assert "hosts.yml" in message
