"""The plan for one service."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.files import Change, File
from ansible.module_utils.strata.service import plan
from ansible.module_utils.strata.service.declared import ServiceError, parse
from ansible.module_utils.strata.service.host import Found
from ansible.module_utils.strata.service.live import Changes
from ansible.module_utils.strata.units import Status, Unit

from .fake import UNIT, Module, converge


def test_a_timer_that_its_package_brings_needs_no_start() -> None:
    missing: dict[str, Any] = {"state": "inactive", "enabled": "", "load": "not-found"}
    timer = {"units": [UNIT | {"name": "trial.timer"}]}
    assert not converge(Module(timer, check_mode=True, **missing))["changed"]
    assert converge(Module({"units": [UNIT]}, check_mode=True, **missing))["changed"]
    with pytest.raises(ServiceError, match=r"there is no unit trial\.timer"):
        converge(Module(timer, **missing))


UP = Status(there=True, active=True, enabled=True, since=100.0)
NEW = Change("/etc/a", None, File(b"A"))


def planned(status: Status, *changes: Change, check: bool = False, owed: bool = False, **params: Any) -> plan.Plan:
    declared = parse(Module({"units": [UNIT], "commands": ["make it so"]} | params).params)
    found = Found(list(changes), {"a.service": status}, 0, owed, Changes([["set", "new"]], [["set", "old"]]))
    return plan.plan(declared, found, check=check)


def test_commands_follow_changed_files_and_what_a_killed_run_owes() -> None:
    assert planned(UP).actions() == ["set new"]
    for due in (planned(UP, NEW), planned(UP, owed=True)):
        assert due.actions() == ["make it so", "set new", "a.service: restart"]
    assert planned(UP, NEW, on_change="none").actions() == ["make it so", "set new"]


def test_only_a_unit_file_of_our_own_may_bring_a_unit() -> None:
    with pytest.raises(ServiceError, match=r"^there is no unit a\.service on this host: install its package first$"):
        planned(Status(), NEW)
    assert planned(Status(), NEW, check=True).steps
    mine = planned(Status(), Change("/etc/systemd/system/a.service", None, File(b"")))
    assert [step.verb for step in mine.steps] == ["enable", "start"]
    assert mine.brings_units()


def test_units_to_which_nothing_is_done_may_need_a_restart() -> None:
    units = [Unit("a.service")]
    assert planned(UP).untouched(units) == ["a.service"]
    assert planned(UP).restarting(["a.service"]).actions() == ["set new", "a.service: restart"]
    assert planned(UP, NEW).untouched(units) == []
    assert planned(UP, units=[UNIT | {"started": False}]).untouched([Unit("a.service", started=False)]) == []


def test_what_undoes_a_plan_leaves_units_as_they_were() -> None:
    declared = parse(Module({"units": [UNIT], "commands": ["make it so"], "on_change": "reload"}).params)
    lines = plan.undo_script(declared, planned(UP, NEW, on_change="reload")).splitlines()
    assert lines == [
        '(cd -P -- /etc 2>/dev/null || exit 0; [ "$(pwd -P)" = /etc ] && rm -f ./a) || status=1',
        *(f"{command} || status=1" for command in ("systemctl daemon-reload", "make it so", "set old")),
        '[ "$1" = boot ] || systemctl reload-or-restart a.service || status=1',
    ]


def test_what_fails_again_and_again_is_ended_too() -> None:
    (former,) = plan.former([Unit("a.service")], {"a.service": Status(there=True)})
    assert (former.started, former.enabled) == (False, False)
    for now in (UP, Status(there=True, starting=True, enabled=True)):
        assert [step.verb for step in plan.ending([former], {"a.service": now})] == ["disable", "stop"]
    assert plan.ending([Unit("a.service")], {"a.service": Status(there=True)}) == []
