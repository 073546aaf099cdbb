"""Locks of other processes are waited for, and their holders are named."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible.module_utils.strata.apt import tools
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.apt.tools import Tools


@pytest.fixture
def locked(tmp_path):
    """Return a file that another process has locked, and that process."""
    path = tmp_path / "lock"
    code = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        yield str(path), process
        process.kill()


def test_holder_of_a_lock_is_found(locked):
    path, process = locked
    assert tools.holder(path).startswith(f"process {process.pid} (python")
    process.communicate("\n")
    assert tools.holder(path) == ""


def test_holder_of_an_unlocked_or_missing_file_is_nobody(tmp_path):
    (tmp_path / "lock").touch()
    assert tools.holder(str(tmp_path / "lock")) == ""
    assert tools.holder(str(tmp_path / "missing")) == ""


def test_wait_says_whether_it_waited(locked, monkeypatch):
    path, process = locked
    waiting = Tools(lambda *_, **__: (0, "", ""), 60)
    monkeypatch.setattr(tools.time, "sleep", lambda _: process.communicate("\n"))
    assert waiting.wait([path])
    (holding,) = waiting.waited
    assert holding.startswith(f"process {process.pid} (python")
    assert holding.endswith(f"which held {path}")
    assert not waiting.wait([path])


def test_lock_held_too_long_is_an_error_with_its_holder(locked):
    path, process = locked
    with pytest.raises(AptError, match=rf"lock is held by process {process.pid} \(python.*after waiting 0 s"):
        Tools(lambda *_, **__: (0, "", ""), 0).write(["true"], [path])


def test_command_that_loses_the_race_for_a_lock_is_run_again():
    answers = [(100, "", "E: Could not get lock /x. It is held by process 1 (apt)"), (0, "done", "")]
    commands = []

    def run(command, *_, **__):
        commands.append(command)
        return answers.pop(0)

    assert Tools(run, 60).write(["apt-get", "update"], []).output == "done"
    assert [command[0] for command in commands] == ["apt-get", "apt-get"]
    assert commands[0][1].startswith("--option=DPkg::Lock::Timeout=")


def test_lock_that_cannot_be_had_ends_with_the_tools_own_words():
    answer = (2, "", "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n")
    with pytest.raises(AptError, match="gave up after waiting 0 s: dpkg: error: dpkg frontend lock"):
        Tools(lambda *_, **__: answer, 0).write(["dpkg", "--configure", "--pending"], [])
