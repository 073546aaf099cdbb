import subprocess
from pathlib import Path

import pytest

from strata.project_config.check import Read, load
from strata.project_config.tree import Tree

PROJECTS = """\
- project: acme/anvil
  description: Heavy things
- project: acme/rocket
  description: Fast things
  acl-config: /home/gerrit2/acls/acme/anvil.config
"""
ACL = """\
[access "refs/heads/*"]
abandon = group anvil-core
label-Code-Review = -2..+2 group anvil-core

[receive]
requireChangeId = true

[submit]
mergeContent = true
"""
ANVIL = "gerrit/acls/acme/anvil.config"
FILE = "gerrit/projects.yaml"


class Sample:
    """A small tree without fault, for tests that break it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(FILE, PROJECTS)
        self.write(ANVIL, ACL)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode())

    def text(self, path: str) -> str:
        return (self.root / path).read_bytes().decode()

    def replace(self, path: str, old: str, new: str) -> None:
        assert old in self.text(path)
        self.write(path, self.text(path).replace(old, new, 1))

    def load(self) -> Read:
        return load(Tree(self.root))

    def found(self) -> list[str]:
        return [str(finding) for finding in self.load().findings]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path / "tree")


def git_reads(path: Path) -> list[str]:
    """What git itself reads in a file of its syntax."""
    command = ("git", "config", "--file", str(path), "--no-includes", "--list", "--null")
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]
