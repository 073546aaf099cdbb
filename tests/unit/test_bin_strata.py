"""`bin/strata` prepares what is missing, once, and takes nothing half-done for done."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534

#: The interpreter that runs this, but what it makes has a pip that installs nothing: the real one takes seconds.
LIGHT = f"""
case $* in
  "-P -m venv "*)
    {sys.executable} -P -m venv --without-pip "$4" && printf '#!/bin/sh\n' >"$4/bin/pip" && chmod +x "$4/bin/pip" ;;
  *) exec {sys.executable} "$@" ;;
esac
"""


@dataclass
class Checkout:
    """A checkout with the real bin/strata, a tool that prints its arguments, and programs that stand before others."""

    folder: Path
    caller: Path

    def program(self, name: str, script: str) -> None:
        path = self.folder / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def environments(self) -> list[Path]:
        return sorted(self.folder.glob(".strata/environments/*"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'programs'}:{os.environ['PATH']}"
        settings = {"STRATA_PYTHON": "light", "PIP_NO_INDEX": "1", "PATH": path}
        return subprocess.run(
            [self.folder / "bin" / "strata", *arguments],
            cwd=self.caller,
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
    (tmp_path / "caller").mkdir()
    made = Checkout(tmp_path, tmp_path / "caller")
    made.program("dpkg-query", "printf installed")
    made.program("light", LIGHT)
    return made


def test_the_first_run_prepares_and_the_second_does_not(checkout: Checkout) -> None:
    first, second = checkout.run("up", "a b"), checkout.run("up", "a b")
    assert first.stdout == second.stdout == "['up', 'a b']\n"
    assert "installing the Python packages" in first.stderr
    assert second.stderr == ""


def test_another_lock_is_prepared_anew(checkout: Checkout) -> None:
    checkout.run("up")
    (checkout.folder / "requirements.txt").write_text("# changed\n")
    assert "installing the Python packages" in checkout.run("up").stderr


def test_a_failed_installation_is_not_taken_for_done(checkout: Checkout) -> None:
    lock = checkout.folder / "requirements.txt"
    lock.write_text(f"nothing-like-it==1 --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        failed = checkout.run("up", STRATA_PYTHON=sys.executable)
        assert failed.returncode == 1
        assert failed.stdout == ""
        assert "nothing-like-it" in failed.stderr
    lock.write_text("")
    assert checkout.run("up").stdout == "['up']\n"


def test_no_right_to_install_packages(checkout: Checkout) -> None:
    checkout.program("dpkg-query", 'case "$*" in *podman) exit 1 ;; *) printf installed ;; esac')
    checkout.program("id", "echo 1000")
    checkout.program("sudo", "exit 1")
    done = checkout.run("up")
    assert done.returncode == 1
    assert done.stderr == "strata: packages are missing; run: sudo apt-get install --no-install-recommends podman\n"


def test_apt_s_own_error_is_shown(checkout: Checkout) -> None:
    checkout.program("dpkg-query", "exit 1")
    checkout.program("id", "echo 0")
    checkout.program("apt-get", "echo 'E: Unable to locate package podman'; exit 100")
    done = checkout.run("up")
    assert done.returncode == 1
    assert "E: Unable to locate package podman" in done.stderr
    assert not checkout.environments()


def test_an_interpreter_that_is_not_there(checkout: Checkout) -> None:
    done = checkout.run("up", STRATA_PYTHON="python9")
    assert done.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 was found for STRATA_PYTHON=python9" in done.stderr


def test_an_interpreter_that_is_too_old(checkout: Checkout) -> None:
    checkout.program("old", 'case "$1" in --version) echo Python 3.9.18 ;; *) exit 1 ;; esac')
    done = checkout.run("up", STRATA_PYTHON="old")
    assert done.returncode == 1
    assert done.stderr.endswith("old is Python 3.9.18, but Strata needs Python 3.11 or newer\n")


def test_nothing_is_imported_from_the_folder_that_it_is_called_in(checkout: Checkout) -> None:
    for name in ("strata", "sysconfig", "venv", "runpy"):
        (checkout.caller / f"{name}.py").write_text("raise SystemExit('imported from the wrong folder')\n")
    done = checkout.run("up")
    assert (done.returncode, done.stdout) == (0, "['up']\n"), done.stderr


@pytest.mark.parametrize("place", [".", "bin", "src/strata/__main__.py", ".strata"])
@pytest.mark.parametrize("how", ["mode", "owner"])
def test_root_runs_nothing_that_others_can_write_to(checkout: Checkout, place: str, how: str) -> None:
    checkout.run("up")
    path = checkout.folder / place
    if how == "mode":
        path.chmod(path.stat().st_mode | 0o002)
    else:
        os.chown(path, NOBODY, -1)
    done = checkout.run("up")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"strata: {checkout.folder / place} is another user's, or others can write to it" in done.stderr
    checkout.program("id", "echo 1000")
    assert checkout.run("up").returncode == 0


def test_root_runs_nothing_in_a_folder_that_others_can_rename(checkout: Checkout) -> None:
    (checkout.folder / ".." / "open").mkdir(mode=0o777, exist_ok=True)
    above = (checkout.folder / ".." / "open").resolve()
    above.chmod(0o777)
    moved = Checkout(checkout.folder.rename(above / "checkout"), above)
    assert f"strata: {above} is another user's" in moved.run("up").stderr
    above.chmod(0o1777)
    assert moved.run("up").returncode == 0


def test_root_by_sudo_runs_the_checkout_of_who_called_it(checkout: Checkout) -> None:
    for path in (checkout.folder, *checkout.folder.rglob("*")):
        os.chown(path, NOBODY, -1)
    assert checkout.run("up").returncode == 1
    assert checkout.run("up", SUDO_UID=str(NOBODY)).returncode == 0


def test_an_environment_stays_while_something_runs_from_it(checkout: Checkout) -> None:
    checkout.run("up")
    [old] = checkout.environments()
    link = checkout.folder / ".strata" / "venv-light"
    assert link.resolve() == old
    with subprocess.Popen([old / "bin/python", "-c", "input()"], stdin=subprocess.PIPE) as running:
        (checkout.folder / "requirements.txt").write_text("# pulled\n")
        assert checkout.run("up").returncode == 0
        new = link.resolve()
        assert checkout.environments() == sorted([old, new])
        assert (old / "bin/pip").exists()
        running.communicate(b"\n")
    assert checkout.run("up").returncode == 0
    assert checkout.environments() == [new]


def test_an_environment_of_another_interpreter_stays(checkout: Checkout) -> None:
    checkout.run("up")
    checkout.program("second", LIGHT)
    checkout.run("up", STRATA_PYTHON="second")
    assert len(checkout.environments()) == 2
    assert {path.name for path in checkout.folder.glob(".strata/venv*")} == {"venv-light", "venv-second"}


def test_an_environment_as_a_folder_is_replaced_when_it_is_not_used(checkout: Checkout) -> None:
    old = checkout.folder / ".strata" / "venv-light"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", old], check=True)
    with subprocess.Popen([old / "bin/python", "-c", "input()"], stdin=subprocess.PIPE) as running:
        assert checkout.run("up").returncode == 0
        assert not old.is_symlink()
        running.communicate(b"\n")
    checkout.run("up")
    assert old.is_symlink()


def test_what_is_no_wheel_is_not_installed(checkout: Checkout) -> None:
    """What is needed to build it would come without a hash."""
    with tarfile.open(checkout.folder / "built-1.tar.gz", "w:gz") as archive:
        setup = checkout.folder / "setup.py"
        setup.write_text("from setuptools import setup\nsetup(name='built', version='1')\n")
        archive.add(setup, "built-1/setup.py")
    digest = hashlib.sha256((checkout.folder / "built-1.tar.gz").read_bytes()).hexdigest()
    (checkout.folder / "requirements.txt").write_text(f"built==1 --hash=sha256:{digest}\n")
    done = checkout.run("up", STRATA_PYTHON=sys.executable, PIP_FIND_LINKS=str(checkout.folder))
    assert done.returncode == 1
    assert "No matching distribution found for built==1" in done.stderr


@pytest.mark.parametrize("asked", [(), ("-h",), ("--help",), ("up", "--help")])
def test_help_installs_nothing(checkout: Checkout, asked: tuple[str, ...]) -> None:
    done = checkout.run(*asked)
    assert done.returncode == 0
    assert "nothing is installed yet" in done.stderr
    assert not (checkout.folder / ".strata").exists()
    checkout.run("up")
    assert checkout.run(*asked).stdout == f"{list(asked)}\n"


def test_the_firewall_of_podman_s_network_is_among_the_packages(checkout: Checkout) -> None:
    """Podman 5 calls nft, older ones iptables; neither depends on them."""
    checkout.program("dpkg-query", "exit 1")
    checkout.program("id", "echo 1000")
    checkout.program("sudo", "exit 1")
    assert {"iptables", "nftables"} <= set(checkout.run("up").stderr.split())
