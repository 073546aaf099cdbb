"""Secrets in plain text are found wherever they stand, and are not repeated."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from strata.suite import checks

if TYPE_CHECKING:
    from pathlib import Path

#: Put together here, as this file has no token.
TOKEN = "ghp_" + "".join(f"{letter}{at}" for at, letter in enumerate("abcdefghijklmnopqr"))
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"  # pragma: allowlist secret
VAULT = """!vault |
  $ANSIBLE_VAULT;1.2;AES256;production
  30386561336565653332353139366566613961306433323332323665373863313434346532636535
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty repository, which the checks look at."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    for folder in ("inventories", "tests"):
        (tmp_path / folder).mkdir()
    return tmp_path


def found(repository: Path, path: str, text: str) -> list[str]:
    (repository / path).write_text(text)
    said = checks._secrets()
    assert "canary" not in said
    assert TOKEN not in said
    return [line.partition(" in plain text: ")[0] for line in said.splitlines()]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("inventories/all.yml", "a: 1\nmail_password: canary-plain\n", ["inventories/all.yml:2: Secret Keyword"]),
        ("key.txt", f"{KEY}\ncanary\n", ["key.txt:1: Private Key"]),
        ("tests/token.py", f"token = {TOKEN!r}\n", ["tests/token.py:1: GitHub Token"]),
        ("tests/mail.py", "password = 'canary-plain'\n", []),
        ("inventories/all.yml", f"mail_password: {VAULT}", []),
        ("inventories/all.yml", "mail_password: \"{{ lookup('ansible.builtin.password', folder) }}\"\n", []),
        ("inventories/all.yml", "mail_password: canary-no-secret  # pragma: allowlist secret\n", []),
        (
            "accounts.yml",
            "keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0POROmzVaZ7Ev1kuZm8zVPNHA+HoDJ7KBny601EHzx]\n",
            [],
        ),
    ],
)
def test_secrets_in_plain_text(repository: Path, path: str, text: str, expected: list[str]) -> None:
    assert found(repository, path, text) == expected


def test_what_git_ignores_is_not_in_the_repository(repository: Path) -> None:
    (repository / ".gitignore").write_text("/private/\n")
    (repository / "private").mkdir()
    assert found(repository, "private/all.yml", "mail_password: canary-plain\n") == []


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ("inventories/*.asc  keys that are public\n", ["inventories/all.yml:1: Secret Keyword"]),
        (
            "inventories/*.asc\n\nnone/*  gone\n",
            [
                ".secretsignore:1: inventories/*.asc: say after it why nothing there is a secret",
                ".secretsignore:3: none/* matches no file: remove the line",
                "inventories/all.yml:1: Secret Keyword",
            ],
        ),
    ],
)
def test_exceptions_are_files_with_a_reason(repository: Path, exceptions: str, expected: list[str]) -> None:
    (repository / "inventories/web.asc").write_text(f"{KEY}\ncanary\n")
    (repository / ".secretsignore").write_text(exceptions)
    assert found(repository, "inventories/all.yml", "mail_password: canary-plain\n") == expected
