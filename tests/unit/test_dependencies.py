"""What we depend on is pinned, and each dependency has its reason written down."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names(path: str) -> set[str]:
    lines = (ROOT / path).read_text().splitlines()
    return {match[0] for line in lines if (match := re.match(r"[a-z][\w.-]*", line))}


def test_every_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    packages = re.search(r'^packages="(.*)"$', (ROOT / "bin" / "strata").read_text(), re.MULTILINE)
    assert packages is not None
    for name in names("requirements.in") | set(packages[1].split()):
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", reasons, re.MULTILINE), name


def test_every_dependency_is_locked_with_hashes_and_without_hosts() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    assert {name.replace(".", "-") for name in names("requirements.in")} <= {
        name.replace(".", "-") for name in names("requirements.txt")
    }
    assert lock.count("==") <= lock.count("--hash=sha256:")
    assert "://" not in lock
