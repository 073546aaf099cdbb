"""What is done once for all hosts: each host's catalog is as if it were compiled alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strata.catalog.compile import Compiler
from strata.catalog.core.once import replaced
from strata.catalog.core.prepared import is_plain

if TYPE_CHECKING:
    from .conftest import Small

TASKS = """
- command: echo {{ word }} {{ shared }}
  when: word != left_out | default('')
- name: As {{ word }}
  become: "{{ word == 'one' }}"
  become_user: "{{ word }}"
  environment: {WORD: "{{ word }}", PLAIN: a}
  command: echo b
- block:
    - command: echo {{ inner }}
  name: Of {{ word }}
  vars: {inner: "{{ word }} within"}
  when: word is defined
- command: echo {{ item }} {{ word }}
  loop: "{{ words }}"
  loop_control: {label: "{{ word }} {{ item }}"}
- set_fact: {made: "{{ word }}"}
- command: echo {{ made }}
- include_tasks: more.yml
- command: echo c
  ignore_errors: "{{ word == 'two' }}"
  delegate_to: "{{ 'web01' if word == 'two' else omit }}"
"""


@pytest.fixture
def several(small: Small) -> Small:
    hosts = {
        "web01": {"word": "one", "words": ["x"]},
        "web02": {"word": "two", "words": ["y", "z"], "ansible_user": "admin", "left_out": "two"},
        "web03": {"word": "one", "words": []},
    }
    small.write("hosts.yml", {"all": {"children": {"web": {"hosts": hosts}}}})
    small.write("roles/first/defaults/main.yml", {"shared": "{{ word }} by default"})
    small.write("roles/first/vars/main.yml", {"fixed": "{{ word }} by vars"})
    small.write("roles/first/tasks/main.yml", "- command: echo {{ fixed }} {{ shared }}\n")
    small.write("roles/second/meta/main.yml", {"dependencies": ["first"]})
    small.write("roles/second/tasks/main.yml", TASKS)
    small.write("roles/second/tasks/more.yml", "- command: echo more {{ word }}\n")
    small.write("site.yml", [{"hosts": "web", "roles": ["second"]}])
    return small


def test_hosts_do_not_know_of_each_other(several: Small) -> None:
    source, playbook = several.folder / "hosts.yml", several.folder / "site.yml"

    def compiler() -> Compiler:
        return Compiler(source, tree=several.folder, playbook=playbook, facts=several.folder / "facts")

    together = compiler()
    names = ["web01", "web02", "web03", "web02", "web01"]
    catalogs = [together.catalog(name) for name in names]
    assert catalogs[0] == catalogs[-1]
    alone = {name: compiler().catalog(name) for name in set(names)}
    assert catalogs == [alone[name] for name in names]
    said = [each.args["_raw_params"] for each in alone["web02"].resources]
    assert "echo two by vars two by default" in said
    assert "echo two two by default" not in said
    assert "echo more two" in said
    assert alone["web01"].resources[2].become == {"method": "sudo", "user": "one", "flags": ""}
    assert alone["web02"].resources[-1].delegate_to == "web01"
    assert alone["web02"].resources[-1].ignore_errors


@pytest.mark.parametrize("value", ["{{ a }}", "x{% if a %}", "{# a #}", ["a", "{{ b }}"], {"a": ["{{ b }}"]}, object()])
def test_what_may_be_another_value_on_a_host(value: object) -> None:
    assert not is_plain(value)


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "a { b } % #", ["a", {"b": 1}], ()])
def test_what_is_the_same_on_all_hosts(value: object) -> None:
    assert is_plain(value)


def test_what_is_replaced_is_put_back() -> None:
    class Base:
        inherited = 1

    class Derived(Base):
        own = 2

    with replaced([(Derived, "own", 3), (Derived, "inherited", 4)]):
        assert (Derived.own, Derived.inherited) == (3, 4)
    assert (Derived.own, Derived.inherited) == (2, 1)
    assert "inherited" not in vars(Derived)
