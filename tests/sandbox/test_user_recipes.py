"""The recipes of docs/recipes.md, as a user follows them: files written, hosts converged, commands run.

They are followed in a copy of the repository, all together, and after the other tests, as they change hosts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import testinfra

from strata import rules
from strata.paths import ROOT, STATE
from strata.repository import readme
from tests.sandbox.conftest import Done
from tests.testinfra.apt import repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Sandbox

HOST = "static01"
#: Where the page's source of packages really is.
MIRROR = ("https://packages.example.org/debian", f"http://127.0.0.1:{repository.PORT}/good")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^(?:(At the end of|Below `(\S+)` in) )?`([^`\s]+/[^`]+)`[^\n]*:$", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """A section of the page: its files in order, each with how it is written, and its commands with their output."""

    title: str
    files: list[tuple[str, str, str, str]]
    commands: list[tuple[str, str]]


def recipes() -> list[Recipe]:
    page = (ROOT / "docs/recipes.md").read_text().replace(*MIRROR)
    found = []
    for section in page.split("\n## ")[1:]:
        title, files, commands, end = section.partition("\n")[0], [], [], 0
        for fence in FENCE.finditer(section):
            above = list(FILE.finditer(section, end, fence.start()))
            end = fence.end()
            if fence[1] == "console":
                steps = re.split(r"^\$ ", fence[2], flags=re.MULTILINE)[1:]
                commands += [(command, output) for command, _, output in (step.partition("\n") for step in steps)]
            else:
                assert above, f"{title}: no file is named above the block that begins with {fence[2][:40]!r}"
                files.append((above[-1][1] or "", above[-1][2] or "", above[-1][3], fence[2]))
        found.append(Recipe(title, files, commands))
    return found


RECIPES = recipes()


class Copy:
    """A copy of the repository that reaches the hosts of the test's sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.environment = sandbox.environment | {"PYTHONPATH": str(folder / "src")}
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in listed.strip("\0").split("\0"):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".strata").symlink_to(STATE)

    def write(self, how: str, below: str, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if how.startswith("At the end"):
            text = path.read_text() + text
        elif how:
            before, found, after = path.read_text().partition(f"{below}\n")
            assert found, f"{name} has no line {below}"
            text = f"{before}{found}{text}{after}"
        path.write_text(text)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run(
            command, shell=True, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def followed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """The copy with all files of the page, converged."""
    copy = Copy(tmp_path_factory.mktemp("site"), sandbox)
    config = STATE / "sandboxes" / "test" / "ssh_config"
    host = testinfra.get_host(f"ssh://{HOST}", ssh_config=str(config))
    keys = repository.serve(host).keys
    copy.write("", "", "project-config/keys/example.asc", f"{keys['good']}\n")
    for recipe in RECIPES:
        for file in recipe.files:
            copy.write(*file)
        for command, _ in recipe.commands:
            if command.startswith("echo "):
                assert copy.run(command).returncode == 0
    done = copy.run(f"bin/strata converge --limit {HOST}")
    assert done.returncode == 0, done.stdout + done.stderr
    yield copy
    host.run("systemctl stop strata-repository")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_a_recipe_does_what_it_says(followed: Copy, recipe: Recipe) -> None:
    assert recipe.commands
    for command, output in recipe.commands:
        if not command.startswith("echo "):
            done = followed.run(command)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.strip() == output.strip()


def test_what_was_written_keeps_the_rules_of_the_layers(followed: Copy) -> None:
    readme.write(followed.folder)
    assert [str(each) for each in rules.check(followed.folder)] == []


def test_nothing_is_left_to_change(followed: Copy) -> None:
    done = followed.run(f"bin/strata converge --limit {HOST}")
    assert Done(done.returncode, done.stdout).rows()[HOST]["changed"] == "0", done.stdout + done.stderr
