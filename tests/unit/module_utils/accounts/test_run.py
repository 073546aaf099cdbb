"""Steps carried out: what fails, and what is done all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.accounts import host, plan, run
from ansible.module_utils.strata.accounts.host import Account, Actual, HostGroup
from ansible.module_utils.strata.errors import StrataError

from .sample import PARAMS, USER

if TYPE_CHECKING:
    from pathlib import Path


def test_a_step_that_fails_keeps_back_only_what_builds_on_it() -> None:
    done = []

    def step(what: str, user: str, *, urgent: bool = False, fails: bool = False) -> plan.Step:
        def call() -> None:
            done.append(what)
            if fails:
                raise OSError(5, "Input/output error")

        return plan.Step(what, call=call, user=user, urgent=urgent)

    steps = [
        step("group", "", fails=True),
        step("other group", ""),
        step("disable", "alice", fails=True),
        step("processes", "alice", urgent=True),
        step("remove", "alice"),
        step("bob", "bob"),
    ]
    failed = run.carry_out(steps, lambda *_: (0, "", ""))
    assert done == ["group", "other group", "disable", "processes", "bob"]
    assert [text.partition(":")[0] for text in failed] == ["group", "disable"]


PASSED, FAILED = (0, "", ""), (9, "", "useradd: no\n")


class Module:
    """A module whose commands all end alike."""

    def __init__(self, *users: dict[str, Any], outcome: tuple[int, str, str] = PASSED, **params: Any) -> None:
        rest = {"root_keys": None, "replace_root_keys": False, "end_processes": True, "purge": False}
        self.params = PARAMS | {"users": [USER | user for user in users]} | rest | params
        self.check_mode = False
        self.outcome = outcome
        self.commands: list[str] = []
        self.warnings: list[str] = []

    def run(self, command: tuple[str, ...], data: bytes = b"") -> tuple[int, str, str]:
        assert data == b""
        self.commands.append(command[0])
        return self.outcome

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The record of a host that has no accounts."""
    monkeypatch.setattr(paths, "STATE", str(tmp_path))
    monkeypatch.setattr(host, "read", lambda: Actual({}, {"sudo": HostGroup(27)}, recorded=host._recorded()))
    return tmp_path / "accounts"


NEW = {"uid": 54321, "home": "/nowhere/alice", "create_home": False}


def test_check_mode_predicts_and_touches_nothing(record: Path) -> None:
    module = Module(NEW)
    module.check_mode = True
    predicted = run.converge(module)
    assert (module.commands, record.exists()) == ([], False)
    assert predicted["changes"] == ["group alice", "user alice", str(record)]
    assert [each["after_header"] for each in predicted["diff"]] == predicted["changes"]
    module.check_mode = False
    assert run.converge(module) == predicted
    assert module.commands == ["groupadd", "useradd"]
    assert record.read_text() == '{\n "alice": false\n}\n'


def test_who_could_not_be_made_is_remembered_all_the_same(record: Path) -> None:
    with pytest.raises(StrataError) as failed:
        run.converge(Module(NEW, outcome=FAILED))
    assert str(failed.value) == (
        "group alice: groupadd ends with status 9: useradd: no\nuser alice: useradd ends with status 9: useradd: no"
    )
    assert record.read_text() == '{\n "alice": false\n}\n'


def test_who_is_no_longer_declared_is_named(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Account("bob", 54322, 54322, "", "/nowhere/bob", "/bin/sh", "*")
    monkeypatch.setattr(host, "read", lambda: Actual({"bob": left}, {}, recorded={"bob": False}))
    module = Module()
    assert run.converge(module)["undeclared"] == ["bob"]
    (warning,) = module.warnings
    assert warning == (
        "no longer declared, but still on this host: bob: say in accounts_users that they are disabled or absent, "
        "or set accounts_purge"
    )
    assert module.commands == []
    purging = Module(purge=True)
    assert run.converge(purging)["undeclared"] == ["bob"]
    assert (purging.commands, purging.warnings) == (["usermod"], [])
    assert record.read_text() == '{\n "bob": false\n}\n'


def test_conflicts_are_named_before_anything_changes(record: Path) -> None:
    module = Module({**NEW, "groups": ["none"]})
    with pytest.raises(StrataError, match="there is no group none on this host"):
        run.converge(module)
    assert (module.commands, record.exists()) == ([], False)
