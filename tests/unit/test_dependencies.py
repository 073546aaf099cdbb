"""What we depend on is pinned, and each dependency has its reason written down."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The packages of the programs that the command line calls; what has none is on every Debian.
PROGRAMS = {
    "apt-get": "",
    "git": "git",
    "ip": "iproute2",
    "podman": "podman",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tar": "",
}
CALLS = {"Popen", "check_call", "check_output", "run", "started"}


def installed() -> set[str]:
    """Return the packages that bin/strata installs."""
    packages = re.search(r'^packages="(.*)"$', (ROOT / "bin" / "strata").read_text(), re.MULTILINE)
    assert packages is not None
    return set(packages[1].split())


def called(path: Path) -> set[str]:
    """Return the programs that a file's calls begin with, where they stand in the call."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in CALLS:
            words = node.args[0].elts if node.args and isinstance(node.args[0], ast.List | ast.Tuple) else []
            found |= {
                word.value for word in words[:1] if isinstance(word, ast.Constant) and isinstance(word.value, str)
            }
    return found


def names(path: str) -> set[str]:
    lines = (ROOT / path).read_text().splitlines()
    return {match[0] for line in lines if (match := re.match(r"[a-z][\w.-]*", line))}


def test_every_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for name in names("requirements.in") | installed():
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", reasons, re.MULTILINE), name


def test_every_dependency_is_locked_with_hashes_and_without_hosts() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    assert {name.replace(".", "-") for name in names("requirements.in")} <= {
        name.replace(".", "-") for name in names("requirements.txt")
    }
    assert lock.count("==") <= lock.count("--hash=sha256:")
    assert "://" not in lock


def test_every_program_that_is_called_is_installed_first() -> None:
    programs = set().union(*map(called, (ROOT / "src").rglob("*.py")))
    assert programs == set(PROGRAMS), "each needs its package here"
    assert set(filter(None, PROGRAMS.values())) <= installed()
