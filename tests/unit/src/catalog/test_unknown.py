"""What only the host knows makes a resource a maybe; what cannot be compiled is refused by its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Small

RESULT = "r is what the task at site.yml:3 gets as its result"
FACT = "the fact kernel of web01 is not recorded"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("command: echo {{ r.stdout }}", RESULT),
        ("command: echo {{ r.stdout | default('none') | upper }}", RESULT),
        ("command: \"echo {{ {'a': [r]} }}\"", RESULT),
        ("{command: 'echo {{ item }}', loop: '{{ r.results }}'}", f"the loop: {RESULT}"),
        ("{command: 'echo {{ item.stdout }}', loop: ['{{ r }}']}", f"the loop: {RESULT}"),
        ("{command: echo, when: r is changed}", f"when: {RESULT}"),
        ("{command: echo, when: r.rc is defined and r.rc == 0}", f"when: {RESULT}"),
        ("{command: echo, when: [r.rc == 0, true]}", f"when: {RESULT}"),
        ("command: echo {{ ansible_facts.kernel }}", FACT),
        ("command: echo {{ ansible_facts['kernel'] | default('6') }}", FACT),
        ("{command: echo, when: ansible_facts.kernel is defined}", f"when: {FACT}"),
        ("{command: echo, environment: {A: '{{ r.stdout }}'}}", RESULT),
        ("{command: echo, become: true, become_user: '{{ r.stdout }}'}", RESULT),
        ("package: {name: less}", FACT.replace("kernel", "pkg_mgr")),
        ("service: {name: cron}", FACT.replace("kernel", "service_mgr")),
        ("{block: [{command: echo}], when: r is failed}", f"when: {RESULT}"),
        ("{command: 'echo {{ derived }}', vars: {derived: 'x{{ r.stdout }}'}}", RESULT),
        ('{command: \'echo {{ "yes" if r.rc else "no" }}\'}', RESULT),
    ],
)
def test_it_is_a_maybe(small: Small, task: str, reason: str) -> None:
    small.play(f"- {{command: date, register: r}}\n- {task}")
    _, maybe = small.resources()
    assert maybe.unknown == (reason,)


@pytest.mark.parametrize(
    "task",
    [
        "{command: echo, when: [r.rc == 0, false]}",
        "{command: echo, when: skipped is not skipped}",
        "{command: 'echo {{ item }}', loop: '{{ skipped.results | default([]) }}'}",
    ],
)
def test_what_is_unknown_decides_nothing(small: Small, task: str) -> None:
    small.play(f"- {{command: date, register: r}}\n- {{command: date, register: skipped, when: false}}\n- {task}")
    assert len(small.resources()) == 1


def test_what_is_known_stays_known_beside(small: Small) -> None:
    small.play("- {command: date, register: r}\n- file: {path: /a, mode: '{{ r.stdout }}'}")
    _, maybe = small.resources()
    assert maybe.args == {"path": "/a", "mode": f"(unknown: {RESULT})"}
    assert maybe.module == "ansible.builtin.file"


def test_facts_that_are_set_of_what_is_unknown_are_too(small: Small) -> None:
    small.play("- {command: date, register: r}\n- set_fact: {a: '{{ r.stdout }}'}\n- command: echo {{ a }}")
    assert small.resources()[-1].unknown == (RESULT,)


@pytest.mark.parametrize("name", ["r", "b", "c"])
def test_what_the_run_of_another_host_sets(small: Small, name: str) -> None:
    """It is not taken for what is not set, whichever play or role sets it."""
    small.play(f"- command: echo {{{{ hostvars.web02.{name} | default('none') }}}}")
    small.write("other.yml", "- {hosts: web, tasks: [{command: date, register: r}]}")
    small.write("roles/other/tasks/main.yml", "- {block: [{set_fact: {b: 1}}, {ansible.builtin.set_fact: {c: 1}}]}")
    (maybe,) = small.resources()
    assert maybe.unknown == (f"{name} of another host is set by tasks of its own run",)


def test_a_host_that_nobody_has_seen(small: Small) -> None:
    small.play("- command: echo {{ ansible_facts.distribution }}")
    (maybe,) = small.resources("web02")
    assert maybe.unknown == ("the fact distribution of web02 is not recorded",)


@pytest.mark.parametrize(
    ("task", "changed", "reason"),
    [
        ("{command: date, changed_when: false}", False, ""),
        ("{command: date, register: r, changed_when: r.rc == 2}", None, "its changed_when depends on"),
        ("{command: date, register: r, failed_when: r.rc == 2}", None, "its failed_when depends on"),
        ("{command: date, failed_when: false}", None, ""),
        ("{command: date, async: 10}", None, "it goes on in the background (async)"),
        ("{copy: {content: a, dest: /b}}", None, "its action plugin does more than one call"),
        ("{template: {src: a, dest: /b}}", None, "its action plugin does more than one call"),
        ("{package: {name: less}, delegate_to: web02}", None, "it asks the host for a fact that is not recorded"),
        ("{copy: {src: /a, dest: /b, remote_src: true}}", None, ""),
        ("{file: {path: /a}}", None, ""),
        ("{shell: date}", None, ""),
    ],
)
def test_only_ansible_can_know(small: Small, task: str, changed: bool | None, reason: str) -> None:
    small.play(f"- {task}")
    (one,) = small.resources()
    assert (one.changed, one.runnable) == (changed, not reason)
    assert one.reason.startswith(reason)


def test_a_stock_action_sends_what_its_plugin_sends(small: Small) -> None:
    small.facts("web01", {"service_mgr": "systemd", "pkg_mgr": "apt"})
    small.play("- {service: {name: cron, pattern: x, state: started}}\n- {package: {name: less}}\n- shell: date")
    assert [(each.module, each.args) for each in small.resources()] == [
        ("ansible.builtin.systemd", {"name": "cron", "state": "started"}),
        ("ansible.builtin.apt", {"name": "less"}),
        ("ansible.builtin.command", {"_raw_params": "date", "_uses_shell": True}),
    ]


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("add_host: {name: x}", "site.yml:5: add_host makes what is applied depend on the runs of other hosts"),
        ("group_by: {key: x}", "group_by"),
        ("{include_role: {name: '{{ x }}'}, vars: {x: one}}", "include_role with a name that is computed"),
        ("{include_tasks: '{{ r.stdout }}.yml'}", RESULT),
        ("{include_tasks: a.yml, when: r is changed}", "include_tasks: whether it is included is not known"),
        ("{meta: end_play}", "meta: end_play is not known without a run"),
        ("{meta: end_host, when: r is failed}", "meta: end_host: when: r is what"),
        ("{set_fact: {a: 1, cacheable: true}}", "set_fact with cacheable"),
        ("{set_fact: {a: 1}, delegate_to: web02, delegate_facts: true}", "set_fact with delegate_facts"),
        ("{command: \"echo {{ lookup('pipe', 'date') }}\"}", "the lookup pipe may return something else each time"),
        ("{command: \"echo {{ lookup('password', '/nowhere/p') }}\"}", "would make /nowhere/p"),
        ("{command: \"echo {{ lookup('password', '/dev/null') }}\"}", "would make /dev/null"),
        ("{command: 'echo {{ missing }}'}", "'missing' is undefined"),
        ("{command: 'echo {{ a }}', vars: {a: '{{ b }}', b: '{{ a }}'}}", "a"),
        ("{apt_transaction: {keys: [{}]}}", "its action plugin fails: KeyError: 'name'"),
        ("{command: 'echo {{ 1 + }}'}", "Syntax error in template"),
        ("{command: 'echo {{ item }}', loop: '{{ range(100000) | list }}'}", "the loop has 100000 items"),
        ("{assert: {that: 1 == 2, fail_msg: not so}}", "not so"),
        ("{fail: {msg: that is it}}", "that is it"),
        ("{no_such_module: {}}", "no_such_module"),
        ("{include_tasks: nowhere.yml}", "nowhere.yml"),
        ("{include_vars: nowhere.yml}", "nowhere.yml"),
    ],
)
def test_refused(small: Small, task: str, why: str) -> None:
    small.play(f"- {{command: date, register: r}}\n- {task}")
    assert why in small.refused()


def test_a_refusal_names_role_file_and_line(small: Small) -> None:
    small.write("site.yml", "- {hosts: web, roles: [one]}")
    small.write("roles/one/tasks/main.yml", "- debug: {}\n- name: Here\n  command: echo {{ wrong.attribute }}\n")
    assert small.refused().startswith("roles/one/tasks/main.yml:")
    assert "role one" in small.refused()
    assert "wrong" in small.refused()


@pytest.mark.parametrize(
    ("keywords", "why"),
    [
        ({"vars_prompt": [{"name": "x"}]}, "asks for variables (vars_prompt)"),
        ({"roles": ["nowhere"]}, "he role 'nowhere' was not found"),
    ],
)
def test_refused_plays(small: Small, keywords: dict[str, object], why: str) -> None:
    small.play("- command: date", **keywords)
    assert why in small.refused()


def test_facts_that_cannot_be_read(small: Small) -> None:
    small.play("- command: date")
    small.write("facts/web01.json", "{")
    assert "web01.json: the facts cannot be read" in small.refused()


def test_run_once_with_serial_is_refused(small: Small) -> None:
    small.play("- {command: date, run_once: true}", serial=1)
    assert "run_once in a play with serial" in small.refused()


def test_templates_without_an_end_are_stopped(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strata.catalog.core.limits.LONGEST", 0.2)
    loop = "{% for n in range(9999) %}" * 3 + "{% endfor %}" * 3
    small.play(f"- command: echo {loop!r}")
    assert "takes longer than" in small.refused()
