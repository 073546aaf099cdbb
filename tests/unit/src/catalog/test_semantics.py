"""What a catalog has is what ansible-playbook would do: each way in which a task is repeated, left out or altered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Small

#: Where a value may be set, the weakest first: file, and how it is written there.
LEVELS = [
    ("roles/one/defaults/main.yml", "value: role defaults"),
    ("hosts.yml", "all: {vars: {value: inventory all}, children: {web: {hosts: {web01: {}}}}}"),
    ("hosts.yml", "all: {children: {web: {vars: {value: inventory group}, hosts: {web01: {}}}}}"),
    ("group_vars/all.yml", "value: group_vars all"),
    ("group_vars/web.yml", "value: group_vars web"),
    ("hosts.yml", "all: {children: {web: {hosts: {web01: {value: inventory host}}}}}"),
    ("host_vars/web01.yml", "value: host_vars"),
    ("site.yml", "- {hosts: web, roles: [one], vars: {value: play vars}}"),
    ("site.yml", "- {hosts: web, roles: [one], vars_files: [more.yml]}"),
    ("roles/one/vars/main.yml", "value: role vars"),
    ("roles/one/tasks/main.yml", "- {vars: {value: block vars}, block: [{command: 'echo {{ value }}'}]}"),
    ("roles/one/tasks/main.yml", "- {vars: {value: task vars}, command: 'echo {{ value }}'}"),
    ("roles/one/tasks/main.yml", "- {include_vars: more.yml}\n- {vars: {value: task}, command: 'echo {{ value }}'}"),
    ("roles/one/tasks/main.yml", "- {set_fact: {value: set_fact}}\n- {command: 'echo {{ value }}'}"),
    ("site.yml", "- {hosts: web, roles: [{role: one, value: role params}]}"),
]


@pytest.mark.parametrize("at", range(len(LEVELS)))
def test_precedence(small: Small, at: int) -> None:
    """A level wins over the one before it."""
    small.write("site.yml", "- {hosts: web, roles: [one]}")
    small.write("more.yml", "value: vars_files or include_vars")
    small.write("roles/one/tasks/main.yml", "- command: echo {{ value }}")
    for path, text in LEVELS[max(at - 1, 0) : at + 1]:
        small.write(path, text)
    expected = LEVELS[at][1].partition("value: ")[2].split("}")[0].strip()
    if "more.yml" in LEVELS[at][1]:
        expected = "vars_files or include_vars"
    assert small.said() == [expected]


def test_extra_vars_win(small: Small) -> None:
    small.play("- set_fact: {value: set}\n- command: echo {{ value }}")
    assert small.said("web01", "value=extra") == ["extra"]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{loop: [a, b], command: 'echo {{ item }}'}", ["a", "b"]),
        ("{loop: '{{ [1, 2] | product([3]) | list }}', command: 'echo {{ item[0] + item[1] }}'}", ["4", "5"]),
        ("{loop: [], command: 'echo {{ item }}'}", []),
        ("{with_items: [[a], b], command: 'echo {{ item }}'}", ["a", "b"]),
        ("{with_dict: {k: v}, command: 'echo {{ item.key }}={{ item.value }}'}", ["k=v"]),
        ("{with_sequence: 'start=1 end=2', command: 'echo {{ item }}'}", ["1", "2"]),
        ("{with_nested: [[a, b], [c]], command: 'echo {{ item | join }}'}", ["ac", "bc"]),
        ("{with_subelements: [[{n: x, l: [1, 2]}], l], command: 'echo {{ item[0].n }}{{ item[1] }}'}", ["x1", "x2"]),
        ("{with_together: [[a, b], [c, d]], command: 'echo {{ item | join }}'}", ["ac", "bd"]),
        ("{with_first_found: [nowhere.yml, hosts.yml], command: 'echo {{ item | basename }}'}", ["hosts.yml"]),
        ("{loop: [a], loop_control: {loop_var: each, index_var: at}, command: 'echo {{ each }}{{ at }}'}", ["a0"]),
        (
            "{loop: [a, b], loop_control: {extended: true}, command: 'echo {{ ansible_loop.last }}{{ item }}'}",
            ["Falsea", "Trueb"],
        ),
        ("{loop: [1, 2, 3], when: item is odd, command: 'echo {{ item }}'}", ["1", "3"]),
        ("{loop: '{{ missing }}', when: false, command: echo no}", []),
        ("{when: [true, 1 == 1], command: echo yes}", ["yes"]),
        ("{when: [true, 1 == 2], command: echo no}", []),
        ("{until: r.rc == 0, retries: 3, register: r, command: echo once}", ["once"]),
        ("{tags: never, command: echo no}", []),
        ("{tags: [always, web], command: echo yes}", ["yes"]),
        ("{block: [{command: echo 1}], rescue: [{command: echo no}], always: [{command: echo 2}]}", ["1", "2"]),
        ("{when: 1 == 2, block: [{command: echo 1}], always: [{command: echo 2}]}", []),
        ("{debug: {msg: no call}}", []),
        ("{assert: {that: 1 == 1}}", []),
        ("{command: 'echo {{ ansible_check_mode }}'}", ["True"]),
        ("{command: 'echo {{ ansible_facts.distribution }}'}", ["Debian"]),
        ("{command: 'echo {{ ansible_play_hosts | join }}'}", ["web01web02"]),
        ("{command: 'echo {{ hostvars.web02.inventory_hostname }}'}", ["web02"]),
    ],
)
def test_tasks(small: Small, task: str, said: list[str]) -> None:
    small.play(f"- {task}")
    assert small.said() == said


def test_the_label_of_an_item(small: Small) -> None:
    small.play("- {loop: [{n: a}], loop_control: {label: '{{ item.n }}'}, command: 'echo {{ item.n }}'}")
    assert [each.item for each in small.resources()] == ["a"]


def test_what_a_task_inherits(small: Small) -> None:
    small.play(
        "- environment: {A: block}\n  tags: outer\n  become: true\n  become_user: web\n  block:\n"
        "  - {name: One, command: date, tags: inner, environment: {B: '{{ 1 + 1 }}'}, check_mode: false, notify: [x]}",
        environment={"A": "play", "C": "play"},
        handlers=[{"name": "x", "command": "echo handler"}],
    )
    (one,) = small.resources()
    assert one.environment == {"A": "block", "B": "2", "C": "play"}
    assert one.tags == ("inner", "outer")
    assert one.become == {"method": "sudo", "user": "web", "flags": ""}
    assert (one.check_mode, one.notify, one.name) == (False, ("x",), "One")


def test_variables_say_who_becomes_whom(small: Small) -> None:
    small.write("host_vars/web01.yml", {"ansible_become": True, "ansible_become_user": "{{ 'op' }}"})
    small.play("- command: date")
    become = small.resources()[0].become
    assert become is not None
    assert become["user"] == "op"


def test_the_file_and_line_of_a_task(small: Small) -> None:
    small.write("site.yml", "- {hosts: web, roles: [one]}")
    small.write("roles/one/tasks/main.yml", "- import_tasks: more.yml\n")
    small.write("roles/one/tasks/more.yml", "\n\n- name: Here\n  command: 'true'\n")
    (one,) = small.resources()
    assert (one.file, one.line, one.role) == ("roles/one/tasks/more.yml", 3, "one")


def test_delegation(small: Small) -> None:
    small.play("- {command: 'echo {{ inventory_hostname }}', delegate_to: '{{ groups.web[1] }}'}")
    assert small.said() == ["web01"]
    assert small.resources()[0].delegate_to == "web02"


def test_run_once_is_the_first_host_s(small: Small) -> None:
    small.play("- {command: echo once, run_once: true, register: r}\n- {command: 'echo {{ r.stdout }}'}")
    assert len(small.resources("web01")) == 2
    (second,) = small.resources("web02")
    assert second.unknown


def test_roles_run_once_after_what_they_depend_on(small: Small) -> None:
    small.write(
        "site.yml", "- {hosts: web, pre_tasks: [{command: echo pre}], roles: [top, other], tasks: [{command: echo t}]}"
    )
    for role, below in (("top", ["base"]), ("other", ["base"]), ("base", [])):
        small.write(f"roles/{role}/tasks/main.yml", f"- command: echo {role}")
        small.write(f"roles/{role}/meta/main.yml", {"dependencies": below})
    assert small.said() == ["pre", "base", "top", "other", "t"]


def test_items_see_what_those_before_have_set(small: Small) -> None:
    small.play("- {set_fact: {a: '{{ a | default(0) + item }}'}, loop: [1, 2]}\n- command: echo {{ a }}")
    assert small.said() == ["3"]


def test_includes(small: Small) -> None:
    small.write("site.yml", "- {hosts: web, roles: [one]}\n- import_playbook: more/second.yml")
    small.write("more/second.yml", "- {hosts: web, tasks: [{command: 'echo {{ playbook_dir | basename }}'}]}")
    small.write(
        "roles/one/tasks/main.yml",
        "- {include_tasks: '{{ ansible_facts.distribution }}.yml', vars: {by: file}}\n"
        "- {include_role: {name: two}, vars: {by: role}}\n"
        "- {include_tasks: Debian.yml, loop: [a, b], vars: {by: '{{ item }}'}}\n"
        "- {include_tasks: Debian.yml, when: false}\n"
        "- import_role: {name: two, tasks_from: other}\n",
    )
    small.write("roles/one/tasks/Debian.yml", "- command: echo {{ by }}")
    small.write("roles/two/tasks/main.yml", "- command: echo {{ by }}")
    small.write("roles/two/tasks/other.yml", "- command: echo other")
    assert small.said() == ["file", "role", "a", "b", "other", "more"]


def test_an_end_of_a_role_or_host(small: Small) -> None:
    small.write(
        "site.yml",
        "- {hosts: web, roles: [one], tasks: [{command: echo t}, {meta: end_host}, {command: echo no}]}\n"
        "- {hosts: web, tasks: [{command: echo second}]}",
    )
    small.write(
        "roles/one/tasks/main.yml", "- command: echo 1\n- meta: flush_handlers\n- meta: end_role\n- command: echo no"
    )
    assert small.said() == ["1", "t", "second"]


def test_omit_and_module_defaults(small: Small) -> None:
    small.play(
        "- {ansible.builtin.file: {path: /a, mode: '{{ missing | default(omit) }}'}}",
        module_defaults={"ansible.builtin.file": {"state": "touch", "path": "/never"}},
    )
    (one,) = small.resources()
    assert (one.module, one.args) == ("ansible.builtin.file", {"path": "/a", "state": "touch"})
