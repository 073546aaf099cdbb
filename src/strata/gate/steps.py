"""How each kind of check is carried out: programs of the tree that is judged, and the cases that they report."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from strata.gate import own
from strata.gate.plan import Check, What
from strata.gate.trees import Tree
from strata.gate.upgrade import scenario_upgrade
from strata.paths import BIN, REPORTS, ROOT, STATE
from strata.repository import inventory
from strata.sandbox.hosts import Sandbox
from strata.suite.cases import Case, read
from strata.suite.parts import ephemeral

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from strata.gate.session import Session
    from strata.gate.trees import Trees

#: The sandbox whose hosts are converged with the change.
SANDBOX = "gate"
#: The environment of the oldest Python, which its first use makes.
OLDEST = STATE / "venv-oldest" / "bin" / "python"


def carry_out(check: Check, trees: Trees, session: Session) -> list[Case]:
    """Carry out a check with hosts of its own, which are removed in the end, and return its cases.

    Raises:
        StrataError: it took too long, was stopped, or a tree can't be made.
        Interrupted: a signal has come; hosts are left to who waits for all checks.

    """
    _remove(check)
    try:
        cases = STEPS[check.what](check, trees, session)
    except Exception:
        _remove(check)
        raise
    _remove(check)
    return cases


def _remove(check: Check) -> None:
    """Remove the hosts of a check, and what molecule knows of them."""
    for name in check.sandboxes:
        Sandbox(name).down()
    if check.what in {What.SCENARIO, What.UPGRADE}:
        shutil.rmtree(ephemeral(check.subject), ignore_errors=True)


def _merge(check: Check, trees: Trees, session: Session) -> list[Case]:
    """Whether git can merge the change into what it is meant for, which may have gone on."""
    ends = (trees.change.onto, trees.change.tip or "HEAD")
    return _one(check, session.run(Tree(ROOT), "git", "merge-tree", "--write-tree", "--name-only", *ends))


def _lint(check: Check, trees: Trees, session: Session) -> list[Case]:
    return _one(check, session.run(trees.head, *trees.head.strata(*_linter(check, trees.head))))


def _lint_by_base(check: Check, trees: Trees, session: Session) -> list[Case]:
    """Have the code of the base judge, by its settings."""
    name, changed = check.subject.replace(" ", "-"), trees.change.paths
    if check.subject == own.LAYERS:
        with trees.mixed(f"{name}-files", [path for path in changed if own.CODE.fullmatch(path)]) as files:
            return _one(check, session.run(files, *files.strata(*_linter(check, files))))
    settings = [path for path in changed if own.SETTINGS.fullmatch(path)]
    with trees.former(f"{name}-rules") as rules, trees.mixed(f"{name}-files", settings) as files:
        command = rules.judging(files, *_linter(check, files))
        return _one(check, session.run(files, *command, PYTHONPATH=str(rules.root / "src")))


def _linter(check: Check, tree: Tree) -> list[str]:
    """Return the arguments of `strata` that run a linter; what is not there can't be looked at."""
    return ["lint", f"--only={check.subject}", "--", *(path for path in check.paths if (tree.root / path).is_file())]


def _unit(check: Check, trees: Trees, session: Session) -> list[Case]:
    return _pytest(sys.executable, check.paths, trees.head, session)


def _oldest(check: Check, trees: Trees, session: Session) -> list[Case]:
    made = session.run(trees.head, ROOT / "bin" / "strata", "roles", "list", STRATA_PYTHON="oldest")
    return _one(check, made) if made else _pytest(OLDEST, check.paths, trees.head, session)


def _tests_of_base(check: Check, trees: Trees, session: Session) -> list[Case]:
    with trees.mixed("tests", check.paths) as tree:
        apply = [path for path in check.paths if _collected(path, tree, session)]
        if not apply:
            session.note("none of them can be run any more: what they tested is gone")
            return [Case(check.name, "skipped")]
        return _pytest(sys.executable, apply, tree, session)


def _collected(path: str, tree: Tree, session: Session) -> bool:
    return not session.run(tree, sys.executable, "-m", "pytest", "--collect-only", "-q", path)


def _scenario(check: Check, trees: Trees, session: Session) -> list[Case]:
    role = check.subject
    report = REPORTS / f"{role}.xml"  # as molecule's configuration names it
    report.unlink(missing_ok=True)
    command = ("test", "--no-command-borders", "--destroy=never", f"--scenario-name={role}")
    code = session.run(trees.head, BIN / "molecule", *command, MOLECULE_EPHEMERAL_DIRECTORY=str(ephemeral(role)))
    runs = ephemeral(role) / "runs"
    if runs.is_dir():
        shutil.copytree(runs, trees.folder / "runs" / role, dirs_exist_ok=True)
    return _reported(report, code, session)


def _upgrade(check: Check, trees: Trees, session: Session) -> list[Case]:
    with trees.former(f"before-{check.subject}") as former:
        return _cases(check, scenario_upgrade(check.subject, former, trees, session))


def _sandbox(check: Check, trees: Trees, session: Session) -> list[Case]:
    """Converge hosts at the base, then with the change, and once more."""
    facts = str(STATE / "sandboxes" / SANDBOX / "facts")
    settings = {"STRATA_SANDBOX": SANDBOX, "ANSIBLE_CACHE_PLUGIN_CONNECTION": facts}
    wrong = {}
    with trees.former("before-sandbox") as former:
        known = {host.name for host in inventory.manager(former.root / "inventories" / "sandbox").get_hosts()}
        before = ",".join(host for host in check.paths if host in known)
        if before:
            code = session.run(former, *former.strata("up", f"--limit={before}"), **settings)
            wrong["hosts converge at the base"] = f"exit code {code}" if code else ""
    limit, record = ",".join(check.paths), trees.folder / "sandbox.json"
    code = session.run(trees.head, *trees.head.strata("up", f"--limit={limit}"), **settings)
    wrong["they converge with the change"] = f"exit code {code}" if code else ""
    if not code:
        again = (BIN / "ansible-playbook", "-i", "inventories/sandbox", "site.yml", f"--limit={limit}")
        config = str(trees.head.root / "ansible.cfg")
        code = session.run(trees.head, *again, STRATA_RUN_RECORD=str(record), ANSIBLE_CONFIG=config, **settings)
        wrong["a second run changes nothing"] = f"exit code {code}" if code else _changed(record)
    return _cases(check, wrong)


def _changed(record: Path) -> str:
    plays = json.loads(record.read_text(encoding="utf-8"))["plays"]
    changed = [f"{host}: {', '.join(did['changed'])}" for play in plays for host, did in play["hosts"].items()]
    return "; ".join(each for each in changed if not each.endswith(": "))


def _sandbox_tests(_: Check, trees: Trees, session: Session) -> list[Case]:
    return _pytest(sys.executable, ["tests/sandbox"], trees.head, session)


def _pytest(python: Path | str, tests: Sequence[str], tree: Tree, session: Session) -> list[Case]:
    report = session.log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    return _reported(report, session.run(tree, python, "-m", "pytest", "-v", f"--junitxml={report}", *tests), session)


def _reported(report: Path, code: int, session: Session) -> list[Case]:
    cases = read(report, strict="CI" in os.environ)
    if code and not any(case.outcome == "failed" for case in cases):
        cases.append(Case(f"{session.log.stem}: ended with exit code {code}", "failed"))
    if not code and not any(case.outcome == "passed" for case in cases):
        cases.append(Case(f"{session.log.stem}: no test was run", "failed"))
    return cases


def _one(check: Check, code: int) -> list[Case]:
    return [Case(check.name, "failed" if code else "passed")]


def _cases(check: Check, wrong: Mapping[str, str]) -> list[Case]:
    """Return a case for each thing that was tried: what is wrong with it stands behind its name."""
    return [
        Case(f"{check.name}: {name}{f': {what}' if what else ''}", "failed" if what else "passed")
        for name, what in wrong.items()
    ]


STEPS: dict[What, Callable[[Check, Trees, Session], list[Case]]] = {
    What.MERGE: _merge,
    What.LINT: _lint,
    What.LINT_BY_BASE: _lint_by_base,
    What.UNIT: _unit,
    What.TESTS_OF_BASE: _tests_of_base,
    What.OLDEST: _oldest,
    What.SCENARIO: _scenario,
    What.UPGRADE: _upgrade,
    What.SANDBOX: _sandbox,
    What.SANDBOX_TESTS: _sandbox_tests,
}
