"""service_files: what it does, and what is there after a failure."""

from __future__ import annotations

import errno
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import files, listeners, owed, paths, rollback
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.rollback import RollbackError
from ansible.module_utils.strata.service import run
from ansible.module_utils.strata.service.declared import ServiceError

from .fake import UNIT, Module, converge, file

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_written_checked_and_brought_into_force(tmp_path: Path, owed: Path) -> None:
    module = Module({"files": [file(tmp_path / "a" / "b", "B\n")], "checks": ["look"], "commands": ["make it so"]})
    assert converge(module)["changes"] == [str(tmp_path / "a" / "b"), "make it so"]
    assert (tmp_path / "a" / "b").read_text() == "B\n"
    assert module.commands == ["look", "make it so"]
    assert not owed.exists()


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    params = {"files": [file(tmp_path / "a", "A\n")], "checks": ["look"], "commands": ["make it so"]}
    converge(Module(params))
    again = Module(params)
    assert converge(again) == {"changed": False, "changes": [], "diff": []}
    assert again.commands == []


def test_check_mode_says_the_same_and_touches_nothing(tmp_path: Path, owed: Path) -> None:
    params = {"files": [file(tmp_path / "a", "A\n")], "commands": ["make it so"], "units": [UNIT]}
    predicted = converge(Module(params, check_mode=True))
    assert not (tmp_path / "a").exists()
    assert not owed.exists()
    assert predicted == converge(Module(params))


@pytest.mark.parametrize("refuse", ["look", "make it so", "systemctl restart"])
def test_what_is_refused_leaves_the_old_files(tmp_path: Path, refuse: str) -> None:
    (tmp_path / "a").write_text("old\n")
    params = {
        "files": [file(tmp_path / "a", "A\n"), file(tmp_path / "new", "N\n")],
        "checks": ["look"],
        "commands": ["make it so"],
        "units": [UNIT],
    }
    module = Module(params, refuse)
    with pytest.raises(ServiceError, match=r"says no"):
        converge(module)
    assert (tmp_path / "a").read_text() == "old\n"
    assert not (tmp_path / "new").exists()


def test_what_is_refused_before_it_is_in_its_place_is_not_written(tmp_path: Path) -> None:
    module = Module({"files": [file(tmp_path / "a", "A\n", validate="/bin/look at %s")]}, "look")
    with pytest.raises(
        ServiceError, match=f"^{tmp_path}/a is refused by /bin/look: /bin/look at {tmp_path}/a says no$"
    ):
        converge(module)
    assert not (tmp_path / "a").exists()


def test_what_is_refused_by_line_names_the_variable_of_the_line(tmp_path: Path) -> None:
    script = "sh -c 'echo \"$0 line 2: bad, line 9\" >&2; exit 1' %s"
    declared = file(tmp_path / "a", "A 1\nB 2\n", validate=script, origins={"A": "trial_a", "B": "trial_b"})
    with pytest.raises(ServiceError, match=rf"{tmp_path}/a line 2: bad, line 9 \(from trial_b\)$"):
        converge(Module({"files": [declared]}))


IGNORED = "[1700000000] unbound-checkconf[7:0] warning: duplicate forward zone . ignored."


def test_a_warning_that_means_that_files_are_not_in_force_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    module = Module({"files": [file(tmp_path / "a", "A\n")], "checks": ["look here"], "fatal_warnings": ["duplicate"]})
    module.says["look"] = f"note\n{IGNORED}\n"
    with pytest.raises(
        ServiceError,
        match=r"^look here accepts what would not be in force as it is declared: unbound-checkconf: warning: duplicate "
        r"forward zone \. ignored\.; the old files are back",
    ):
        converge(module)
    assert (tmp_path / "a").read_text() == "old\n"


def test_a_fatal_warning_of_a_file_of_its_own_comes_before_it_is_written(tmp_path: Path) -> None:
    module = Module(
        {"files": [file(tmp_path / "a", "A\n", validate="/bin/look %s")], "fatal_warnings": ["a: Deprecated"]}
    )
    module.says["/bin/look"] = f"{tmp_path}/a: Deprecated option X"
    with pytest.raises(ServiceError, match="would not be in force as it is declared"):
        converge(module)
    assert not (tmp_path / "a").exists()


def test_other_warnings_are_shown_once(tmp_path: Path) -> None:
    params = {"files": [file(tmp_path / "a", "A\n", validate="/bin/look %s")], "checks": ["look", "look"]}
    module = Module(params)
    module.says = {"look": f"parsed OK, no errors\n{IGNORED}\n", "/bin/look": f"{IGNORED}\n"}
    assert converge(module)["changed"]
    assert module.warnings == ["look warns: unbound-checkconf: warning: duplicate forward zone . ignored."]


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(DeclarationError, match=r"^fatal_warnings: '\(' is not a regular expression: "):
        converge(Module({"fatal_warnings": ["("]}))


class Killed(BaseException):
    """The end of the module at a moment that it does not choose."""


def kill(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill a run where its files are in their places and nothing else has been done."""

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(run.Transaction, "activate", die)
        with pytest.raises(Killed):
            converge(Module(params))


def test_what_a_killed_run_owes_is_done(tmp_path: Path, owed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {
        "files": [file(tmp_path / "a", "A\n")],
        "checks": ["look"],
        "commands": ["make it so"],
        "on_change": "reload",
        "units": [UNIT],
    }
    kill(params, monkeypatch)
    assert (tmp_path / "a").read_text() == "A\n"
    assert (owed / "trial").stat().st_mode & 0o777 == 0o600
    assert converge(Module(params, check_mode=True))["changes"] == ["make it so", "a.service: reload"]
    module = Module(params)
    assert converge(module)["changes"] == ["make it so", "a.service: reload"]
    done = [command for command in module.commands if "show" not in command]
    assert done == ["systemctl daemon-reload", "look", "make it so", "systemctl reload -- a.service"]
    assert not owed.exists()
    assert not converge(Module(params))["changed"]


def test_files_of_a_killed_run_are_checked_though_nothing_changes(
    tmp_path: Path, owed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"files": [file(tmp_path / "a", "A\n")], "checks": ["look"], "on_change": "none"}
    kill(params, monkeypatch)
    module = Module(params)
    assert not converge(module)["changed"]
    assert "look" in module.commands
    assert not owed.exists()


@pytest.mark.parametrize("later", ["A\n", "A2\n"])
def test_files_of_a_killed_run_that_are_refused_do_not_stay(
    tmp_path: Path, owed: Path, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    (tmp_path / "a").write_text("old\n")
    files = [file(tmp_path / "a", "A\n"), file(tmp_path / "new", "N\n")]
    kill({"files": files, "checks": ["look"]}, monkeypatch)
    again = {"files": [file(tmp_path / "a", later), files[1]], "checks": ["look"]}
    with pytest.raises(ServiceError, match=r"look says no; the old files are back in force$"):
        converge(Module(again, "look"))
    assert (tmp_path / "a").read_text() == "old\n"
    assert not (tmp_path / "new").exists()
    assert not owed.exists()
    assert converge(Module(again))["changed"]


def test_a_rollback_that_was_killed_is_completed(tmp_path: Path, owed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: list[files.Change]) -> list[str]:
        raise Killed

    (tmp_path / "a").write_text("old\n")
    params = {"files": [file(tmp_path / "a", "A\n")], "checks": ["look"]}
    with monkeypatch.context() as patched:
        patched.setattr(files, "undo", die)
        with pytest.raises(Killed):
            converge(Module(params, "look"))
    assert (tmp_path / "a").read_text() == "A\n"
    with pytest.raises(ServiceError, match="look says no; the old files are back in force"):
        converge(Module(params, "look"))
    assert (tmp_path / "a").read_text() == "old\n"
    assert not owed.exists()


@pytest.mark.parametrize("refuse", ["look", "systemctl start"])
@pytest.mark.parametrize("state", ["inactive", "activating"])
def test_what_did_not_run_before_a_failure_does_not_after_it(tmp_path: Path, refuse: str, state: str) -> None:
    params = {"files": [file(tmp_path / "a", "A\n")], "checks": ["look"], "units": [UNIT]}
    module = Module(params, refuse, state=state, enabled="disabled")
    with pytest.raises(ServiceError, match=r"says no; the old files are back in force$"):
        converge(module)
    assert (module.state, module.enabled) == ("inactive", "disabled")


def test_what_ran_before_a_failure_runs_after_it(tmp_path: Path) -> None:
    off = UNIT | {"started": False}
    module = Module({"files": [file(tmp_path / "a", "A\n")], "units": [off], "rollback_delay": 0}, "systemctl stop")
    with pytest.raises(ServiceError, match=r"says no; the old files are back in force$"):
        converge(module)
    assert (module.state, module.enabled) == ("active", "enabled")


def test_a_disk_that_is_full_is_said_besides_what_went_wrong(
    tmp_path: Path, owed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old\n")
    (tmp_path / "gone").write_text("G\n")
    gone = file(tmp_path / "gone", "") | {"ensure": "absent"}
    params = {"files": [file(tmp_path / "a", "A\n"), gone], "checks": ["look"]}
    put = files.put

    def full(name: str, folder: int, wanted: files.State) -> None:
        if name == "gone" and wanted:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        put(name, folder, wanted)

    monkeypatch.setattr(files, "put", full)
    said = r"look says no; not all of the old files could be restored: .*/gone: No space left on device$"
    with pytest.raises(ServiceError, match=said):
        converge(Module(params, "look"))
    assert (tmp_path / "a").read_text() == "old\n", "the others are back all the same"
    assert (owed / "trial").exists()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the unit does not listen at, each time it is looked at; the last answer stays."""
    answers: list[list[str]] = [[]]
    monkeypatch.setattr(listeners, "wait", lambda *_: answers.pop(0) if len(answers) > 1 else answers[0])
    monkeypatch.setattr(listeners, "taken", lambda *_: {"udp:514": "process 7 (socat) has udp:514 on IPv4"})
    return answers


def test_a_unit_that_runs_but_does_not_listen_is_restarted(heard: list[list[str]]) -> None:
    params = {"units": [UNIT | {"listens": ["tcp:514"]}]}
    heard[:] = [["tcp:514"], ["tcp:514"], []]
    assert converge(Module(params, check_mode=True))["changes"] == ["a.service: restart"]
    module = Module(params)
    assert converge(module)["changes"] == ["a.service: restart"]
    assert "systemctl restart -- a.service" in module.commands
    assert not converge(Module(params))["changed"]


def test_files_with_which_a_unit_does_not_listen_do_not_stay(tmp_path: Path, heard: list[list[str]]) -> None:
    (tmp_path / "a").write_text("old\n")
    module = Module({"files": [file(tmp_path / "a", "A\n")], "units": [UNIT | {"listens": ["tcp:514", "udp:514"]}]})
    heard[:] = [["udp:514"]]
    with pytest.raises(
        ServiceError, match=r"at udp:514: process 7 \(socat\) has udp:514 on IPv4; the old files are back in"
    ):
        converge(module)
    assert (tmp_path / "a").read_text() == "old\n"
    assert module.commands.count("systemctl restart -- a.service") == 2


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(paths, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(rollback, "UNITS", str(tmp_path / "units"))
    return tmp_path / "state/trial-rollback"


def boot_files(tmp_path: Path) -> list[str]:
    """Return what the host starts at boot."""
    return sorted(path.name for path in (tmp_path / "units").rglob("*.service"))


def test_guarded_files_are_in_force_until_somebody_decides(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    declared = file(tmp_path / "a", "new\n", origins={"new": "trial_words"})
    params = {"files": [declared], "units": [UNIT], "on_change": "reload", "rollback_delay": 30}
    module = Module(params)
    result = converge(module)
    assert result["unconfirmed"] == 30
    assert result["blame"] == f"{tmp_path}/a: added 'new' (trial_words), removed 'old'"
    assert module.commands[1].startswith("systemd-run ")
    assert (tmp_path / "a").read_text() == "new\n"
    assert "systemctl reload-or-restart a.service || status=1\n" in guard.read_text()
    assert boot_files(tmp_path) == ["strata-trial-rollback-boot.service"] * 2
    confirming = Module({"confirm": True, "change": result["change"]})
    for _ in range(2):  # the first answer may have got lost
        assert converge(confirming) == {"changed": True, "confirmed": True}
    assert (tmp_path / "a").read_text() == "new\n"
    assert not list(guard.parent.iterdir())
    assert boot_files(tmp_path) == []
    assert "unconfirmed" not in converge(Module(params))


def test_guarded_files_that_fail_leave_no_timer(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    module = Module({"files": [file(tmp_path / "a", "new\n")], "checks": ["look at it"], "rollback_delay": 30}, "look")
    with pytest.raises(ServiceError, match="look at it says no"):
        converge(module)
    assert (tmp_path / "a").read_text() == "old\n"
    assert not list(guard.parent.iterdir())
    assert boot_files(tmp_path) == []
    assert module.commands[-1] == "systemctl stop strata-trial-rollback.timer"


def test_without_a_guard_nothing_is_changed(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    with pytest.raises(RollbackError, match=r"no rollback, which rollback_delay asks for: systemd-run .* says no"):
        converge(Module({"files": [file(tmp_path / "a", "new\n")], "rollback_delay": 30}, "systemd-run"))
    assert (tmp_path / "a").read_text() == "old\n"
    assert not list(guard.parent.iterdir())


def test_a_disk_that_is_full_leaves_no_guard(tmp_path: Path, guard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(owed.Owed, "note", full)
    module = Module({"files": [file(tmp_path / "a", "new\n")], "units": [UNIT], "rollback_delay": 30})
    with pytest.raises(ServiceError, match=r"/trial: No space left on device; nothing was changed$"):
        converge(module)
    assert not (tmp_path / "a").exists()
    assert not list(guard.parent.iterdir())
    assert boot_files(tmp_path) == []
    assert module.commands[-1] == "systemctl stop strata-trial-rollback.timer"
    assert "systemctl restart -- a.service" not in module.commands


def test_the_guard_stops_what_did_not_run(tmp_path: Path, guard: Path) -> None:
    params = {"files": [file(tmp_path / "a", "new\n")], "units": [UNIT], "rollback_delay": 30}
    converge(Module(params, state="inactive", enabled="disabled"))
    assert "\nsystemctl disable a.service || status=1\n" in guard.read_text()
    assert '\n[ "$1" = boot ] || systemctl stop a.service || status=1\n' in guard.read_text()


def test_a_reboot_undoes_what_nobody_confirmed_before_the_units_start(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    params = {"files": [file(tmp_path / "a", "new\n")], "units": [UNIT], "on_change": "reload", "rollback_delay": 30}
    result = converge(Module(params))
    unit = (tmp_path / "units/multi-user.target.wants/strata-trial-rollback-boot.service").read_text()
    assert f"\nConditionPathExists={guard}\nBefore=a.service\n" in unit
    (command,) = (line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart="))
    calls = tmp_path / "systemctl"
    calls.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n')
    calls.chmod(0o755)
    subprocess.run(shlex.split(command), check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert (tmp_path / "a").read_text() == "old\n"
    assert (tmp_path / "asked").read_text() == "daemon-reload\n", "systemd starts the unit after this"
    assert not list(guard.parent.iterdir())
    assert boot_files(tmp_path) == []
    assert converge(Module({"confirm": True, "change": result["change"]}))["confirmed"] is False


def test_files_that_others_take_out_of_force_are_told_in_each_run(tmp_path: Path) -> None:
    params = {
        "files": [file(tmp_path / "a", "A\n")],
        "checks": ["look"],
        "in_force": ["see"],
        "commands": ["make it so"],
    }
    first = Module(params)
    converge(first)
    assert first.commands == ["look", "make it so", "see"]
    for check_mode in (False, True):
        again = Module(params, "see", check_mode=check_mode)
        with pytest.raises(ServiceError, match=r"^see says no; nothing was changed$"):
            converge(again)
        assert again.commands == ["see"]


def test_files_that_never_come_into_force_are_rolled_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    params = {"files": [file(tmp_path / "a", "A\n")], "in_force": ["see"]}
    assert converge(Module(params, "see", check_mode=True))["changes"] == [str(tmp_path / "a")]
    with pytest.raises(ServiceError, match=r"^see says no; the old files are back in force$"):
        converge(Module(params, "see"))
    assert (tmp_path / "a").read_text() == "old\n"


def test_a_file_may_hold_what_only_the_host_knows(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("old server\n")
    asked = file(tmp_path / "a", "") | {"content": None, "content_from": f"sh -c 'cat {tmp_path}/known'"}
    assert converge(Module({"files": [asked]}, check_mode=True))["changes"] == [str(tmp_path / "a")]
    converge(Module({"files": [asked]}))
    assert (tmp_path / "a").read_text() == "old server\n"
    (tmp_path / "known").unlink()
    with pytest.raises(ServiceError, match=r"/a: sh -c 'cat \S+' ends with status 1: cat: "):
        converge(Module({"files": [asked]}))


def test_what_is_lost_by_a_change_brings_the_old_files_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("db resolves\nmirror resolves\n")
    kept = {"read": f"sh -c 'cat {tmp_path}/a'", "hint": "name servers that know it"}
    params = {"files": [file(tmp_path / "a", "mirror resolves\n")], "kept": [kept]}
    with pytest.raises(
        ServiceError,
        match=r"^no longer so after the change: db resolves: name servers that know it; "
        r"the old files are back in force$",
    ):
        converge(Module(params))
    assert (tmp_path / "a").read_text() == "db resolves\nmirror resolves\n"
    more = file(tmp_path / "a", "mirror resolves\nweb resolves\ndb resolves\n")
    assert converge(Module(params | {"files": [more]}))["changed"]
