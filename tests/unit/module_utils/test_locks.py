"""One run at a time: who comes second waits, and says so when that takes too long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.strata import locks, paths

#: Holds the lock from the moment it says so until its input ends.
HOLDER = """
import sys
from pathlib import Path
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils.strata import locks, paths
paths.LOCKS = sys.argv[2]
with locks.exclusive("web", check_mode=False):
    print("held", flush=True)
    sys.stdin.read()
"""
MODULE_UTILS = Path(__file__).parents[3] / "module_utils"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path / "locks"))


def holder(tmp_path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(MODULE_UTILS), str(tmp_path / "locks")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_who_comes_second_waits_and_says_for_what(tmp_path: Path) -> None:
    first = holder(tmp_path)
    said = rf"another run has been changing web on this host for 0\.2 s: wait until its process {first.pid} ends"
    with pytest.raises(TimeoutError, match=said), locks.exclusive("web", check_mode=False, patience=0.2):
        pass
    with locks.exclusive("mail", check_mode=False), locks.exclusive("web", check_mode=True):
        pass
    with (
        pytest.raises(TimeoutError, match=f"process {first.pid} ends"),
        locks.exclusive("web", check_mode=False, patience=0),
    ):
        pass
    first.communicate()
    with locks.exclusive("web", check_mode=False):
        pass


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.kill()
    first.communicate()
    with locks.exclusive("web", check_mode=False):
        pass
