import pytest

from strata.rules.tasks import (
    handlers_are_notified,
    tasks_are_few,
    tasks_are_one_block,
    tasks_compose_no_roles,
    tasks_hide_nothing,
)

from ..sample import Checkout

MAIN, HANDLERS = "roles/httpd/tasks/main.yml", "roles/httpd/handlers/main.yml"


def test_tasks_stand_in_one_block(checkout: Checkout) -> None:
    checkout.append(MAIN, "- name: Another\n  ansible.builtin.ping:\n")
    assert checkout.broken(tasks_are_one_block) == [f"{MAIN}:9: all tasks of httpd stand in one block"]


def test_a_task_is_no_block(checkout: Checkout) -> None:
    checkout.write(MAIN, "- name: Ping\n  tags: httpd\n  ansible.builtin.ping:\n")
    assert checkout.broken(tasks_are_one_block) == [f"{MAIN}:1: all tasks of httpd stand in one block"]


def test_the_block_carries_the_role_name(checkout: Checkout) -> None:
    checkout.replace(MAIN, "tags: httpd", "tags: [apache]")
    assert checkout.broken(tasks_are_one_block) == [f"{MAIN}:1: the block is not tagged httpd"]


@pytest.mark.parametrize(
    "action",
    ["include_role:", "ansible.builtin.import_role:", "ansible.legacy.include_role:", "action: include_role name=apt"],
)
def test_tasks_bring_in_no_role(checkout: Checkout, action: str) -> None:
    checkout.append(MAIN, f"    - name: More\n      {action}\n")
    name = "import_role" if "import" in action else "include_role"
    message = f"{MAIN}:10: {name}: roles are composed by the dependencies of meta/main.yml only"
    assert checkout.broken(tasks_compose_no_roles) == [message]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("group_by: {key: x}", "group_by: a host's groups are what the inventory says"),
        ("local_action: {module: add_host, name: x}", "add_host: hosts are what the inventory says"),
        ("import_tasks: ../../apt/tasks/main.yml", "import_tasks: a role's tasks and variables are its own"),
        ("include_vars: {file: roles/apt/vars/main.yml}", "include_vars: a role's tasks and variables are its own"),
        ("delegate_facts: true", "delegate_facts: what hosts tell each other comes from declared data"),
        ("when: _a is changed", "when: asks whether a task changed: use a handler, or do it inside the module"),
        ("when: [true, _a is not changed]", "when: asks whether a task changed"),
        ("when: _a.changed", "when: asks whether a task changed"),
        ("when: not (_a['changed'] | bool)", "when: asks whether a task changed"),
        ("""acme: {state: "{{ 'restarted' if _a is changed else 'started' }}"}""", "acme: asks whether a task changed"),
    ],
)
@pytest.mark.parametrize("indirection", ["block", "rescue", "always"])
def test_tasks_keep_to_their_host_and_role(checkout: Checkout, task: str, message: str, indirection: str) -> None:
    nested = f"    - name: Inner\n      {indirection}:\n        - name: More\n          {task}\n"
    checkout.write("roles/httpd/handlers/main.yml", "- name: Outer\n  block:\n" + nested)
    assert any(
        text.startswith(f"roles/httpd/handlers/main.yml:6: {message}")
        for text in checkout.broken(tasks_compose_no_roles)
    )


@pytest.mark.parametrize("task", ["when: _a.changed_files", "copy: {dest: /etc/x.changed}", "name: Say it is changed"])
def test_what_only_looks_like_asking_for_changes(checkout: Checkout, task: str) -> None:
    checkout.append(MAIN, f"    - name: More\n      {task}\n" if "name" not in task else f"    - {task}\n")
    assert checkout.broken(tasks_compose_no_roles) == []


def test_tasks_are_few(checkout: Checkout) -> None:
    checkout.write("roles/httpd/tasks/more.yml", "# more\n" * 93)
    message = f"{MAIN}:1: the tasks of httpd have 101 lines, more than 100: let a module do the work"
    assert checkout.broken(tasks_are_few) == [message]


@pytest.mark.parametrize(
    "line",
    ["changed_when: false", "failed_when: no", "ignore_errors: true", "ignore_unreachable: yes", "check_mode: no"],
)
def test_what_hides_something_is_named(checkout: Checkout, line: str) -> None:
    checkout.append(MAIN, f"    - name: More\n      acme:\n      {line}\n")
    (broken,) = checkout.broken(tasks_hide_nothing)
    assert broken.startswith(f"{MAIN}:11: {line.partition(':')[0]}: would ")


@pytest.mark.parametrize("line", ["changed_when: _a.rc == 2", "failed_when: [_a.rc]", "ignore_errors: false"])
def test_what_tells_more_exactly_hides_nothing(checkout: Checkout, line: str) -> None:
    checkout.append(MAIN, f"    - name: More\n      acme:\n      {line}\n")
    assert checkout.broken(tasks_hide_nothing) == []


def test_a_handler_is_notified_by_its_name_or_what_it_listens_to(checkout: Checkout) -> None:
    checkout.append(MAIN, "    - name: More\n      acme:\n      notify: [Reload it, changed]\n")
    checkout.write(HANDLERS, "- name: Reload it\n  acme:\n- name: Other\n  listen: changed\n  acme:\n")
    assert checkout.broken(handlers_are_notified) == []


def test_a_handler_that_never_fires_is_named(checkout: Checkout) -> None:
    checkout.append(MAIN, "    - name: More\n      acme:\n      notify: Reload itt\n")
    checkout.write(HANDLERS, "- name: Reload it\n  acme:\n")
    assert checkout.broken(handlers_are_notified) == [
        f"{HANDLERS}:1: no task notifies the handler 'Reload it'",
        f"{MAIN}:11: notify: httpd has no handler 'Reload itt': did you mean 'Reload it'?",
    ]
