"""The files of docs/ci.md: complete, readable by what they are for, and with the verb as it is."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from strata.paths import BIN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs/ci.md").read_text()
FILES = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
HOOK = FILES[".git/hooks/pre-push"]
NEW, OLD, NONE = "1" * 40, "2" * 40, "0" * 40


def test_each_ci_has_its_files() -> None:
    assert sorted(FILES) == [
        ".git/hooks/pre-push",
        ".github/workflows/gate.yml",
        ".gitlab-ci.yml",
        ".zuul.yaml",
        ".zuul/gate.yml",
        ".zuul/reports.yml",
    ]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".yml", ".yaml"))])
def test_a_file_is_yaml_in_form(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(FILES[name])
    done = subprocess.run(
        [BIN / "yamllint", "-c", ROOT / ".yamllint", "--strict", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert YAML(typ="safe").load(path)


def test_zuul_finds_the_playbooks_of_its_job() -> None:
    job = YAML(typ="safe").load(FILES[".zuul.yaml"])[0]["job"]
    assert {job["run"], job["post-run"]} <= FILES.keys()


@pytest.mark.parametrize("name", [name for name in FILES if "gate" in name or "hooks" in name or "gitlab" in name])
def test_the_gate_is_called(name: str) -> None:
    assert "bin/strata gate " in FILES[name]


def test_shellcheck_finds_nothing_in_the_hook(tmp_path: Path) -> None:
    path = tmp_path / "pre-push"
    path.write_text(HOOK)
    assert subprocess.run(["shellcheck", path], capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize(
    ("pushed", "code", "gated"),
    [
        (f"refs/heads/x {NEW} refs/heads/main {OLD}", 0, f"gate {OLD}..{NEW}\n"),
        (f"refs/heads/x {NEW} refs/heads/main {OLD}", 1, f"gate {OLD}..{NEW}\n"),
        (f"refs/heads/x {NEW} refs/heads/topic {OLD}", 0, ""),
        (f"(delete) {NONE} refs/heads/main {OLD}", 0, ""),
    ],
)
def test_the_hook_gates_what_goes_to_main(tmp_path: Path, pushed: str, code: int, gated: str) -> None:
    (tmp_path / "bin").mkdir()
    strata = tmp_path / "bin/strata"
    strata.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/gated\nexit {code}\n')
    strata.chmod(0o755)
    (tmp_path / "gated").touch()
    done = subprocess.run(["sh", "-c", HOOK], cwd=tmp_path, input=f"{pushed}\n", text=True, check=False)
    assert done.returncode == code
    assert (tmp_path / "gated").read_text() == gated
