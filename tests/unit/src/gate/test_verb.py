"""`strata gate`: what it says of ranges, and what it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from strata.cli import cli
from strata.errors import UsageError
from strata.gate import run as running
from strata.gate import trees
from strata.suite.cases import Case
from strata.verbs import gate as verb

if TYPE_CHECKING:
    from pathlib import Path

    from strata.gate.plan import Check

    from ..affected.conftest import Repository


@pytest.fixture(autouse=True)
def here(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the verb work on the small repository, where the check `secrets` fails for what says so."""
    monkeypatch.setattr(verb, "ROOT", repository.root)
    monkeypatch.setattr(verb, "FOLDER", tmp_path / "reports")
    monkeypatch.setattr(trees, "ROOT", repository.root)
    monkeypatch.setattr(trees, "STATE", tmp_path)

    def carry_out(check: Check, found: trees.Trees, _session: object) -> list[Case]:
        wrong = any("secret" in (found.head.root / path).read_text() for path in check.paths)
        return [Case(check.name, "failed" if wrong else "passed")]

    monkeypatch.setattr(running, "carry_out", carry_out)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gate", *arguments])


def test_a_change_that_passes(repository: Repository, tmp_path: Path) -> None:
    repository.touch("docs/unread.md")
    result = run()
    assert result.exit_code == 0, result.output
    assert "passed in 0 s" in result.output
    report = json.loads((tmp_path / "reports/report.json").read_text())
    assert (report["verdict"], report["head"]) == ("passed", None)
    assert [check["name"] for check in report["checks"]] == ["merges with the base", "secrets"]
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [
        "junit.xml",
        "merges-with-the-base.log",
        "report.html",
        "report.json",
        "secrets.log",
    ]


def test_a_change_that_fails(repository: Repository, tmp_path: Path) -> None:
    repository.write("docs/unread.md", "secret")
    tip = repository.commit()
    repository.git("checkout", "-q", "HEAD~")
    result = run(f"HEAD..{tip}")
    assert result.exit_code == 1
    assert "FAILED secrets" in result.output
    report = json.loads((tmp_path / "reports/report.json").read_text())
    assert (report["verdict"], report["head"], report["range"]) == ("failed", tip, f"HEAD..{tip}")


def test_a_plan_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.write("docs/unread.md", "secret")
    result = run("--plan")
    assert result.exit_code == 0
    assert "docs/unread.md -> lint" in result.output
    assert not (tmp_path / "reports").exists()


def test_nothing_that_differs_is_a_change_too() -> None:
    result = run("main..HEAD")
    assert result.exit_code == 0
    assert "0 files changed" in result.output


@pytest.mark.parametrize("given", ["main", "main...HEAD", "none..HEAD", "main..none", "--..HEAD"])
def test_ranges_that_are_none(given: str) -> None:
    result = run("--", given)
    assert isinstance(result.exception, UsageError)
