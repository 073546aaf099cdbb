"""Checks that are really carried out, in a small repository."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from strata.affected.change import changed
from strata.gate import steps
from strata.gate import trees as making
from strata.gate.plan import Check, What
from strata.gate.session import Session
from strata.gate.trees import Tree, Trees
from strata.paths import ROOT
from strata.suite.cases import Case

if TYPE_CHECKING:
    from pathlib import Path

    from ..affected.conftest import Repository

TEST = "tests/unit/test_gone.py"
CODE = """\
from pathlib import Path

import {module}


def test_it():
    assert Path("docs/read.md").read_text() == "{text}"
"""

Carry = Callable[[Check, str | None], tuple[list[Case], str]]


@pytest.fixture
def carry_out(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Carry:
    """Carry out a check of what differs from a revision, and return its cases and its log."""
    for module in (making, steps):
        monkeypatch.setattr(module, "ROOT", repository.root)
    monkeypatch.setattr(making, "STATE", repository.root / ".strata")

    def carry(check: Check, given: str | None) -> tuple[list[Case], str]:
        session = Session(tmp_path / "check.log", 60, threading.Event())
        with changed(repository.root, given) as change:
            cases = steps.carry_out(check, Trees(tmp_path, Tree(repository.root), change), session)
        return cases, session.log.read_text()

    return carry


def outcomes(cases: list[Case]) -> list[str]:
    return [case.outcome for case in cases]


MERGE = Check(What.MERGE, "merges", ())


@pytest.mark.parametrize(("theirs", "outcome"), [("docs/read.md", "failed"), ("docs/unread.md", "passed")])
def test_a_change_must_merge(repository: Repository, carry_out: Carry, theirs: str, outcome: str) -> None:
    repository.git("checkout", "-q", "-b", "topic")
    repository.write("docs/read.md", "ours")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write(theirs, "theirs")
    repository.commit()
    cases, log = carry_out(MERGE, "main..topic")
    assert outcomes(cases) == [outcome]
    assert ("CONFLICT (content): Merge conflict in docs/read.md" in log) == (outcome == "failed")


@pytest.mark.parametrize(
    ("module", "text", "outcome"), [("json", "good", "passed"), ("json", "other", "failed"), ("gone", "", "skipped")]
)
def test_a_deleted_test_still_counts(
    repository: Repository, carry_out: Carry, module: str, text: str, outcome: str
) -> None:
    for path in ("tests/unit/conftest.py", "tests/conftest.py"):
        (repository.root / path).unlink(missing_ok=True)
    repository.write(TEST, CODE.format(module=module, text=text))
    repository.write("docs/read.md", "")
    repository.commit()
    (repository.root / TEST).unlink()
    repository.write("docs/read.md", "good")
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    cases, log = carry_out(Check(What.TESTS_OF_BASE, "tests of the base", (), paths=(TEST,)), None)
    assert outcomes(cases) == [outcome], log
    assert not (repository.root / TEST).exists()


def test_without_a_report_nothing_has_passed(repository: Repository, carry_out: Carry) -> None:
    (repository.root / "tests/unit/conftest.py").unlink()
    repository.write(TEST, "")
    cases, _ = carry_out(Check(What.UNIT, "unit tests", (), paths=(TEST,)), None)
    assert outcomes(cases) == ["failed"]


@pytest.mark.parametrize(("text", "code"), [("---\na: 1\n", 0), ("a:  1\n", 1)])
def test_the_code_of_one_tree_judges_the_files_of_another(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "some.yml").write_text(text)
    files = Tree(tmp_path)
    session = Session(tmp_path / "log", 60, threading.Event())
    command = Tree(ROOT).judging(files, "lint", "--only=yamllint", "--", "some.yml")
    assert session.run(files, *command, PYTHONPATH=str(ROOT / "src")) == code
    assert ("some.yml" in session.log.read_text().partition("lint")[2].partition("\n")[2]) == bool(code)
