"""New roles and modules pass all checks from the start, in a copy of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from strata import rules
from strata.paths import BIN, ROOT
from strata.skeleton import create

if TYPE_CHECKING:
    from pathlib import Path

#: The longest that they may be, and short ones; their places among other imports differ too.
ROLES = ("zz", "weather_station_of_the_northern_mountain")
MODULES = {"at_settings": "at", "weather_settings_of_northern_mountains_2": "weather_settings_of_northern_mountains_2"}


def ours() -> list[str]:
    """Return the files and links of the repository."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in found if name and os.path.lexists(ROOT / name)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with new roles and modules."""
    folder: Path = tmp_path_factory.mktemp("copy")
    for name in ours():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    for role in ROLES:
        create.role(folder, role)
    for module, package in MODULES.items():
        create.module(folder, module, package)
    return folder


def run(copy: Path, program: str, *arguments: str) -> str:
    """Run a program in the copy, and return what it has to say if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "NO_COLOR": "1"}
    command = [BIN / program, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_the_rules_are_kept(copy: Path) -> None:
    assert [str(each) for each in rules.check(copy)] == []


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--quiet", "--no-cache"],
        ["ruff", "format", "--check", "--quiet", "--no-cache"],
        ["yamllint", "--strict", *(f"{folder}/{role}" for role in ROLES for folder in ("roles", "molecule"))],
        ["mypy", *(f"library/{module}.py" for module in MODULES)],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_linters_find_nothing(copy: Path, command: list[str]) -> None:
    assert run(copy, *command) == ""


def test_documentation_imports_and_tests_of_their_own_are_right(copy: Path) -> None:
    chosen = " or ".join([*ROLES, *MODULES, *MODULES.values(), "arrows"])
    tests = ["tests/unit/test_documentation.py", "tests/unit/test_arrows.py"]
    tests += [f"tests/unit/module_utils/{package}" for package in MODULES.values()]
    assert run(copy, "python", "-m", "pytest", "-q", "-k", chosen, *tests) == ""


@pytest.mark.parametrize("role", ROLES)
def test_the_tests_of_a_role_are_about_what_it_writes(copy: Path, role: str) -> None:
    (block,) = yaml.safe_load((copy / f"roles/{role}/tasks/main.yml").read_text())
    (file,) = block["block"][0]["service_files"]["files"]
    scenario = yaml.safe_load((copy / f"molecule/{role}/molecule.yml").read_text())
    (value,) = scenario["provisioner"]["inventory"]["group_vars"]["targets"].values()
    tests = (copy / f"tests/testinfra/{role}/test_{role}.py").read_text()
    assert f'"{file["path"]}"' in tests
    assert file["content"].replace(f"{{{{ {role}_setting }}}}", value) == f"setting = {value}\n"
    assert f'== "setting = {value}\\n"' in tests


def test_nothing_else_is_left_or_changed(copy: Path) -> None:
    files = [name for name in ours() if (ROOT / name).is_file()]
    assert [name for name in files if (copy / name).read_bytes() != (ROOT / name).read_bytes()] == [
        "docs/architecture.md"
    ]
    assert list(copy.glob(".new-*")) == []
