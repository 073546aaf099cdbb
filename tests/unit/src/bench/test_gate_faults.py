"""The seeded faults: each is one that applies and says what it is, and what the gate makes of it is told."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from strata import processes
from strata.bench import gate_faults
from strata.bench.gate_faults import KINDS, Fault, Outcome, caught_by, load, names, share, try_out
from strata.errors import StrataError, UsageError
from strata.gate.trees import Tree
from strata.paths import ROOT
from strata.verbs.bench import command as bench

LEAST = 40
FAULT = "mode-snmpd"
#: A gate that writes what the test wants into the report of its tree.
GATE = """
import os, pathlib
report = pathlib.Path(".strata/reports/gate/report.json")
report.parent.mkdir(parents=True, exist_ok=True)
report.write_text(os.environ["REPORT"])
"""


@pytest.mark.parametrize("name", names())
def test_fault_says_what_it_is_and_applies(name: str) -> None:
    fault = load(name)
    done = subprocess.run(
        ["git", "apply", "--check", fault.path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_there_are_enough_of_all_kinds() -> None:
    faults = [load(name) for name in names()]
    assert len(faults) >= LEAST
    assert {fault.kind for fault in faults} == set(KINDS)
    assert len({fault.what for fault in faults}) == len(faults)


def test_a_name_that_nobody_gave_has_a_hint() -> None:
    with pytest.raises(UsageError, match=f"there is no fault 'mode-snmp': did you mean '{FAULT}'"):
        load("mode-snmp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("diff --git a/x b/x\n", "must begin with a sentence"),
        ("Something is wrong.\nKind: template tipo\n\ndiff --git ", "there is no kind 'template tipo': did you mean"),
    ],
)
def test_a_fault_must_say_what_it_is(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_faults, "FOLDER", tmp_path)
    (tmp_path / "x.patch").write_text(text)
    with pytest.raises(StrataError, match=message):
        load("x")


@pytest.mark.parametrize(
    ("verdicts", "check"), [(["passed", "failed", "not run"], "b"), (["passed", "passed"], ""), (["flaky"], "")]
)
def test_the_check_that_fails_has_caught_it(verdicts: list[str], check: str) -> None:
    checks = [{"name": name, "verdict": verdict} for name, verdict in zip("abc", verdicts, strict=False)]
    assert caught_by({"checks": checks}) == check


def test_the_share_is_told() -> None:
    fault = load(FAULT)
    outcomes = [Outcome(fault, "unit tests", 3.2), Outcome(fault, "", 60)]
    assert share(outcomes) == "1 of 2 caught (50%; at least 95% must be)"
    assert outcomes[1].row() == (FAULT, "wrong mode or owner", "missed", "", 60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let a stand-in for the gate fail in a check; give the trees that it was asked for."""
    trees: list[Path] = []

    def strata(tree: Tree, *arguments: str) -> list[str]:
        assert arguments == ("gate", "HEAD~1..HEAD", "--first")
        assert 'mode: "0644"' in (tree.root / "roles/snmpd/tasks/main.yml").read_text()
        trees.append(tree.root)
        (tree.root / ".strata").unlink()  # the report of this checkout stays what it is
        (tree.root / ".strata").mkdir()
        return ["python3", "-c", GATE]

    monkeypatch.setattr(Tree, "strata", strata)
    monkeypatch.setenv("REPORT", json.dumps({"checks": [{"name": "unit tests", "verdict": "failed"}]}))
    return trees


def worktrees() -> str:
    listed = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_fault_is_gated_in_a_tree_of_its_own_which_is_removed(gate: list[Path]) -> None:
    before = worktrees()
    outcome = try_out(load(FAULT))
    assert outcome.check == "unit tests"
    assert not gate[0].exists()
    assert worktrees() == before


def test_a_gate_without_a_verdict_is_named(gate: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "run", _only_git(processes.run))
    with pytest.raises(StrataError, match=f"{FAULT}: the gate came to no verdict, see .strata/reports/gate-faults"):
        try_out(load(FAULT))
    assert gate
    assert not gate[0].exists()


def _only_git(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda command, **options: run(command if command[0] == "git" else ["true"], **options)


def test_a_signal_leaves_no_trees_and_no_hosts_of_the_gate(
    gate: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(command: list[str], **options: Any) -> object:
        if command[0] == "git":
            return real(command, **options)
        (tmp_path / "sandboxes/molecule-snmpd").mkdir(parents=True)
        own = f"{options['env']['TMPDIR']}/head"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", own], cwd=ROOT, check=True)
        raise processes.Interrupted(signal.SIGTERM)

    removed: list[str] = []
    before, real = worktrees(), processes.run
    monkeypatch.setattr(processes, "run", interrupted)
    monkeypatch.setattr(gate_faults, "_sandboxes", lambda: {each.name for each in tmp_path.glob("sandboxes/*")})
    monkeypatch.setattr(gate_faults, "Sandbox", lambda name: SimpleNamespace(down=lambda: removed.append(name)))
    with pytest.raises(processes.Interrupted):
        try_out(load(FAULT))
    assert removed == ["molecule-snmpd"]
    assert not gate[0].exists()
    assert worktrees() == before


def test_a_patch_that_does_not_apply_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.patch"
    path.write_text("diff --git a/none b/none\n--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n")
    with pytest.raises(StrataError, match=r"x\.patch: .*none"):
        try_out(Fault("x", "What.", KINDS[0], path))


def test_the_verb_lists_them() -> None:
    done = CliRunner().invoke(bench, [gate_faults.NAME, "--list", FAULT])
    assert done.exit_code == 0
    assert "Everybody on the host can read the community of SNMP." in done.output


@pytest.mark.parametrize(("verdict", "code", "said"), [("failed", 0, "caught"), ("passed", 1, "missed")])
@pytest.mark.usefixtures("gate")
def test_what_is_missed_is_an_error(verdict: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strata.verbs.bench.require", lambda: None)
    monkeypatch.setenv("REPORT", json.dumps({"checks": [{"name": "unit tests", "verdict": verdict}]}))
    done = CliRunner().invoke(bench, [gate_faults.NAME, FAULT])
    assert done.exit_code == code, done.output
    assert said in done.output
