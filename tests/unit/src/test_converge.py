"""Which ansible-playbook gets which hosts, and what is shown of its output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from strata import converge
from strata.errors import UsageError
from strata.paths import ROOT
from strata.processes import Interrupted
from strata.progress import step

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = ROOT / "inventories" / "sandbox"


def hosts_by_play(limit: str | None = None) -> dict[str, list[str]]:
    return converge.hosts_by_play(converge.Options(SANDBOX, limit=limit))


def test_each_play_gets_its_hosts() -> None:
    assert hosts_by_play() == {
        "Bastion": ["bastion01"],
        "Review server": ["review01"],
        "Static site servers": ["static01", "static02"],
        "Log server": ["logs01"],
    }


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("static02", {"Static site servers": ["static02"]}),
        ("static:!static01", {"Static site servers": ["static02"]}),
        ("bastion,review", {"Bastion": ["bastion01"], "Review server": ["review01"]}),
    ],
)
def test_a_limit_is_ansible_s_pattern(limit: str, expected: dict[str, list[str]]) -> None:
    assert hosts_by_play(limit) == expected


def test_a_limit_that_nothing_matches() -> None:
    with pytest.raises(UsageError, match=r"no host matches db$"):
        hosts_by_play("db")
    with pytest.raises(UsageError, match=r"no host matches sttic01: did you mean 'static01'\?"):
        hosts_by_play("sttic01")


@pytest.mark.parametrize(
    ("tags", "said"),
    [("htpd", r"'htpd': did you mean 'httpd'\?"), ("httpd, zzz", "'zzz': roles are accounts, "), ("role", "'role'")],
)
def test_a_tag_that_no_role_has(tags: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"--tags: no role is called {said}"):
        converge.converge(converge.Options(SANDBOX, tags=tags))


def test_tags_are_roles_and_those_of_ansible() -> None:
    converge.check_tags(converge.Options(SANDBOX, tags="httpd, always,,apt"))
    converge.check_tags(converge.Options(SANDBOX))


@pytest.mark.parametrize(
    ("plays", "where"),
    [([], "in no play"), (["A", "B"], r"in 2 plays \(A, B\)")],
)
def test_a_host_is_in_exactly_one_play(monkeypatch: pytest.MonkeyPatch, plays: list[str], where: str) -> None:
    monkeypatch.setattr(converge, "assignments", lambda _root, _inventory: {"db01": plays})
    with pytest.raises(UsageError, match=f"site.yml: db01 is {where}, and must be in exactly one"):
        hosts_by_play()


def test_a_host_that_the_limit_leaves_out_may_be_in_no_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converge, "assignments", lambda _root, _inventory: {"db01": [], "static01": ["A"]})
    assert hosts_by_play("static01") == {"A": ["static01"]}
    with pytest.raises(UsageError, match="db01 is in no play, and must be in exactly one, or left out by --limit"):
        hosts_by_play()


def test_only_headings_of_plays_without_hosts_are_left_out() -> None:
    output = """
PLAY [Bastion] *****

TASK [Ping] *****
ok: [bastion01]

PLAY [Static] *****
skipping: no hosts matched

[ERROR]: something is wrong
PLAY RECAP *****
"""
    shown = list(converge.own_lines(line + "\n" for line in output.strip().split("\n")))
    assert shown == [
        "PLAY [Bastion] *****",
        "",
        "TASK [Ping] *****",
        "ok: [bastion01]",
        "",
        "",
        "[ERROR]: something is wrong",
        "PLAY RECAP *****",
    ]


def test_a_heading_at_the_end_is_shown() -> None:
    assert list(converge.own_lines(["PLAY [Bastion] *****\n"])) == ["PLAY [Bastion] *****"]


#: Runs the verb with an ansible-playbook of the test's own, for two kinds of host.
INTERRUPTED = """
import sys
from pathlib import Path
from strata import cli, converge
converge.BIN = Path(sys.argv[1])
converge.hosts_by_play = lambda options: {"Bastion": ["bastion01"], "Log server": ["logs01"]}
sys.argv = ["strata", "converge", "-i", sys.argv[2]]
cli.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_tells_what_is_unfinished(tmp_path: Path, number: int, code: int) -> None:
    playbook = tmp_path / "ansible-playbook"
    playbook.write_text(
        '#!/bin/sh\ncase "$*" in *bastion01*) : >"$0.done"; exit 0 ;; esac\n'
        'until [ -e "$0.done" ]; do sleep 0.1; done\nsleep 1\necho "TASK [begun]"; echo "TASK [next]"\nsleep 60\n'
    )
    playbook.chmod(0o755)
    command = [sys.executable, "-c", INTERRUPTED, tmp_path, ROOT / "inventories/example"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        next(line for line in process.stdout if "TASK [begun]" in line)
        os.killpg(process.pid, number)
        output, said = process.communicate()
    assert process.returncode == code
    assert said == "unfinished: Log server; the next run does what this one owes\n"
    assert "Aborted" not in output + said
    assert "Traceback" not in said


def test_a_step_that_a_signal_ends_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted), step("booting static01"):
        raise Interrupted(signal.SIGINT)
    assert capsys.readouterr().err.endswith("booting static01: unfinished\n")


PLAYBOOK = """
- hosts: all
  gather_facts: false
  connection: local
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - {name: Same, ansible.builtin.debug: {msg: nothing}}
    - {name: Other, ansible.builtin.command: "true"}
    - {name: Unknown, ansible.builtin.command: "{{ missing }}", ignore_errors: true, when: inventory_hostname == "a"}
    - {name: Wrong, ansible.builtin.fail: {msg: it went wrong}, when: inventory_hostname == "b"}
- hosts: nobody
  tasks: []
"""


def played(folder: Path, **settings: str) -> str:
    """Return what ansible-playbook prints with our settings, and these ones."""
    (folder / "play.yml").write_text(PLAYBOOK)
    done = subprocess.run(
        [converge.BIN / "ansible-playbook", "-i", "a,b,c", folder / "play.yml"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    return done.stdout


def test_what_changed_and_failed_is_shown_once_by_tasks(tmp_path: Path) -> None:
    printed = played(tmp_path, ANSIBLE_STDOUT_CALLBACK="brief")
    assert printed.count("it went wrong") == 1, printed
    other, unknown, wrong = [block for block in converge.tasks(printed.splitlines()) if block[0].startswith("TASK")]
    assert [block[0].rstrip("* ") for block in (other, unknown, wrong)] == [
        "TASK [Other]",
        "TASK [Unknown]",
        "TASK [Wrong]",
    ]
    assert other[1:] == ["changed: [a, b, c]"]
    assert "nothing" not in printed
    assert "PLAY" not in printed


def test_ansible_playbook_by_hand_prints_each_error_once(tmp_path: Path) -> None:
    """Once with its place, where it is an error of Ansible's own, and not only that."""
    printed = played(tmp_path)
    assert "[ERROR]" not in printed
    assert (printed.count("it went wrong"), printed.count("''missing'' is undefined")) == (1, 1), printed
    assert f"origin: {tmp_path / 'play.yml'}:9:" in printed
    assert "PLAY RECAP" in printed
    assert "ok: [c]" in printed
    assert "[ERROR]: Task failed: Action failed: it went wrong" in played(tmp_path, ANSIBLE_VERBOSITY="3")


def test_hosts_of_which_nothing_else_is_said_share_a_line() -> None:
    one = "changed: [a]\nchanged: [b]\nok: [c]\nchanged: [d] => \n    msg: x\n"
    said = f"warned\n\nTASK [One] ***\n{one}\nTASK [Two] ***\n"
    assert list(converge.tasks(said.splitlines(keepends=True))) == [
        ["warned"],
        ["TASK [One] ***", "changed: [a, b]", "ok: [c]", "changed: [d] =>", "    msg: x"],
        ["TASK [Two] ***"],
    ]
    assert list(converge.tasks(["\x1b[0;33mchanged: [a]\x1b[0m\n", "\x1b[0;33mchanged: [b]\x1b[0m\n"])) == [
        ["\x1b[0;33mchanged: [a, b]\x1b[0m"]
    ]
