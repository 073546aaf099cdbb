"""`bin/strata` prepares what is missing, once, and takes nothing half-done for done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Checkout:
    """A checkout with the real bin/strata, a tool that prints its arguments, and programs that stand before others."""

    folder: Path

    def program(self, name: str, script: str) -> None:
        path = self.folder / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'programs'}:{os.environ['PATH']}"
        settings = {"STRATA_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PATH": path}
        return subprocess.run(
            [self.folder / "bin" / "strata", *arguments],
            env=os.environ | settings | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name in ("bin", "src/strata"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "bin" / "strata", tmp_path / "bin")
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "src" / "strata" / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    made = Checkout(tmp_path)
    made.program("dpkg-query", "printf installed")
    return made


def test_the_first_run_prepares_and_the_second_does_not(checkout: Checkout) -> None:
    first, second = checkout.run("up", "a b"), checkout.run("up", "a b")
    assert first.stdout == second.stdout == "['up', 'a b']\n"
    assert "installing the Python packages" in first.stderr
    assert second.stderr == ""


def test_another_lock_is_prepared_anew(checkout: Checkout) -> None:
    checkout.run()
    (checkout.folder / "requirements.txt").write_text("# changed\n")
    assert "installing the Python packages" in checkout.run().stderr


def test_a_failed_installation_is_not_taken_for_done(checkout: Checkout) -> None:
    lock = checkout.folder / "requirements.txt"
    lock.write_text(f"nothing-like-it==1 --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        failed = checkout.run()
        assert failed.returncode == 1
        assert failed.stdout == ""
        assert "nothing-like-it" in failed.stderr
    lock.write_text("")
    assert checkout.run().stdout == "[]\n"


def test_no_right_to_install_packages(checkout: Checkout) -> None:
    checkout.program("dpkg-query", 'case "$*" in *podman) exit 1 ;; *) printf installed ;; esac')
    checkout.program("id", "echo 1000")
    checkout.program("sudo", "exit 1")
    done = checkout.run()
    assert done.returncode == 1
    assert done.stderr == "strata: packages are missing; run: sudo apt-get install --no-install-recommends podman\n"


def test_apt_s_own_error_is_shown(checkout: Checkout) -> None:
    checkout.program("dpkg-query", "exit 1")
    checkout.program("id", "echo 0")
    checkout.program("apt-get", "echo 'E: Unable to locate package podman'; exit 100")
    done = checkout.run()
    assert done.returncode == 1
    assert "E: Unable to locate package podman" in done.stderr
    assert not list((checkout.folder / ".strata").glob("venv*"))


def test_an_interpreter_that_is_not_there(checkout: Checkout) -> None:
    done = checkout.run(STRATA_PYTHON="python9")
    assert done.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 was found for STRATA_PYTHON=python9" in done.stderr


def test_an_interpreter_that_is_too_old(checkout: Checkout) -> None:
    checkout.program("old", 'case "$1" in --version) echo Python 3.9.18 ;; *) exit 1 ;; esac')
    done = checkout.run(STRATA_PYTHON="old")
    assert done.returncode == 1
    assert done.stderr.endswith("old is Python 3.9.18, but Strata needs Python 3.11 or newer\n")
