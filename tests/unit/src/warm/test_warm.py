"""An `ansible-playbook` that is forked does what the real one does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strata import warm

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.fail: {msg: "{{ said }} {{ lookup('ansible.builtin.env', 'WORD') }}"}
      when: waited is not defined
    - name: It waits
      ansible.builtin.command: sleep 60
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What is set for programs; two runs with these settings have been asked for."""
    with warm.environment(os.environ["PATH"]) as found:
        settings = tmp_path_factory.mktemp("settings") / "ansible.cfg"
        settings.write_text("[defaults]\nlocalhost_warning = false\n")
        environment = {**os.environ, **found, "ANSIBLE_CONFIG": str(settings)}  # in force in whatever folder
        for _ in range(2):
            assert subprocess.run(["ansible-playbook", "--version"], env=environment, check=False).returncode == 0
        yield environment


def command(folder: Path, *arguments: str) -> list[str]:
    (folder / "play.yml").write_text(PLAY)
    return ["ansible-playbook", "-i", "localhost,", "play.yml", *arguments]


def test_it_has_the_caller_s_place_and_says_what_the_real_one_says(variables: dict[str, str], tmp_path: Path) -> None:
    said = command(tmp_path, "-e", "said=hello")
    real = [str(Path(sys.executable).with_name(said[0])), *said[1:]]
    runs = [
        subprocess.run(
            each, cwd=tmp_path, env=variables | {"WORD": "world"}, capture_output=True, text=True, check=False
        )
        for each in (said, real)
    ]
    assert "hello world" in runs[0].stderr + runs[0].stdout
    assert [(run.returncode, run.stdout, run.stderr) for run in runs[:1]] == [(2, runs[1].stdout, runs[1].stderr)]


def test_other_settings_are_in_force(variables: dict[str, str], tmp_path: Path) -> None:
    for coloured in ("true", "false", "true"):
        done = subprocess.run(
            command(tmp_path, "-e", "said=hello"),
            cwd=tmp_path,
            env=variables | {"ANSIBLE_FORCE_COLOR": coloured},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("\x1b[" in done.stdout) == (coloured == "true"), done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_ends_with_who_asked_for_it(variables: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        command(tmp_path, "-e", "waited=true"), cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while "It waits" not in process.stdout.readline():
            assert process.poll() is None
        assert "warm" in Path(f"/proc/{process.pid}/cmdline").read_text()
        process.send_signal(number)
        process.wait(60)
        # Its end: nothing of it holds the pipe any more.
        process.stdout.read()
    assert process.returncode != 0


def test_the_server_ends_with_who_started_it() -> None:
    code = "import os; from strata.warm import *; it = environment(''); print(it.__enter__()['PATH']); os.abort()"
    # The server has the same standard error: its end is that of the pipe.
    command = [sys.executable, "-P", "-u", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    shutil.rmtree(done.stdout.strip().rstrip(":"))
