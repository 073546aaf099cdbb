"""A run of apt as a whole: what it owes is on the host from before dpkg begins until all is done."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.apt import lists, newcomers, policy, run, tools, transaction
from ansible.module_utils.strata.apt.host import AptError

UNITS = "/usr/lib/systemd/system"
#: What the package rsync has and what systemd says of its units.
FILES = [
    "/etc/rsync.timer",
    f"{UNITS}",
    f"{UNITS}/rsync.service",
    f"{UNITS}/rsync.socket",
    f"{UNITS}/rsync@.service",
    f"{UNITS}/rsync.timer",
    f"{UNITS}/off.timer",
    "/lib/systemd/system/done.timer",
    "/usr/lib/systemd/user/mine.timer",
]
STATES = {
    "rsync.service": ("enabled", "inactive"),
    "rsync.socket": ("enabled", "failed"),
    "rsync.timer": ("enabled", "inactive"),
    "off.timer": ("disabled", "inactive"),
    "done.timer": ("enabled", "active"),
}


class Machine:
    """Plays a host and the module: apt installs all, or fails or is killed."""

    def __init__(self, record: Path, owed: Path) -> None:
        self.record, self.owed = record, owed
        self.status = {"dpkg": "ii "}
        self.units = dict(STATES)
        self.commands: list[list[str]] = []
        self.answer: tuple[int, str, str] | None = None
        self.while_at_work: list[Any] = []
        self.warnings: list[str] = []
        self.warn = self.warnings.append
        self.check_mode = False
        self.params: dict[str, Any] = {
            **dict.fromkeys(["sources", "keys", "pins", "conf", "absent", "held"], ()),
            **dict.fromkeys(["credentials", "debconf", "architectures"], ()),
            **dict.fromkeys(["purge", "migrate", "install_recommends"], False),
            "lists_max_age": 3600,
            "lock_timeout": 0,
        }

    def run(self, command: list[str], *_: Any, **__: Any) -> tuple[int, str, str]:
        said = self.tell(command)
        if said is None:
            self.commands.append(command)
            if command[0] == "systemctl":
                self.units |= dict.fromkeys(command[3:], ("enabled", "active"))
            else:
                self.while_at_work.append(self.owed.read_text())
            if self.answer:
                return self.answer
            self.status = dict.fromkeys([*self.status, *(["rsync"] if "rsync" in command else [])], "ii ")
        return 0, said or "", ""

    def tell(self, command: list[str]) -> str | None:
        """Return what a command says that changes nothing."""
        if command[0] == "apt-cache":
            return ""
        if command[:2] == ["dpkg-query", "--show"]:
            return "".join(f"{status}\t{name}\tamd64\t1\t\t\n" for name, status in self.status.items())
        if command[:2] == ["dpkg-query", "--listfiles"]:
            return "".join(f"{path}\n" for path in FILES)
        if command[:2] == ["systemctl", "show"]:
            form = "Id={}\nUnitFileState={}\nActiveState={}\n"
            return "\n".join(form.format(name, *self.units[name]) for name in command[4:])
        return "Inst rsync (1 x)\n" if "--option=APT::Get::Simulate=true" in command else None

    def converge(self, *packages: str) -> dict[str, Any]:
        self.params["packages"] = [{"value": name, "origin": ""} for name in packages]
        return run.converge(self)  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/x_InRelease").touch()
    monkeypatch.setattr(lists, "FOLDER", str(tmp_path / "lists"))
    monkeypatch.setattr(tools, "holder", lambda _: "")
    monkeypatch.setattr(lists, "STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(transaction, "JOURNAL", str(tmp_path / "updates"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(paths, "STATE", str(tmp_path))
    monkeypatch.setattr(paths, "OWED", str(tmp_path / "owed"))
    monkeypatch.setattr(paths, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(newcomers, "SYSTEMD", str(tmp_path))
    return Machine(tmp_path / "apt.json", tmp_path / "owed/apt")


def test_timers_of_new_packages_start_and_waiting_units_are_named(machine: Machine) -> None:
    done = machine.converge("rsync")
    assert (done["timers"], done["waiting_units"]) == (["rsync.timer"], ["rsync.service", "rsync.socket"])
    assert machine.commands[-1] == ["systemctl", "start", "--", "rsync.timer"]
    assert done["changes"] == ["+ rsync"]
    assert machine.while_at_work == ["rsync\n"]
    assert not machine.owed.exists()
    commands = len(machine.commands)
    machine.units["rsync.service"] = ("enabled", "active")
    machine.units["rsync.socket"] = ("disabled", "inactive")
    done = machine.converge("rsync")
    assert (done["changed"], done["changes"], done["timers"], len(machine.commands)) == (False, [], [], commands)


def test_policy_of_the_host_decides_about_timers_too(machine: Machine) -> None:
    Path(policy.PATH).write_text("#!/bin/sh\nexit 101\n")
    assert machine.converge("rsync")["timers"] == []
    assert machine.commands[-1][0] == "apt-get"


def test_host_without_systemd_has_no_timers(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "SYSTEMD", "/nowhere")
    assert machine.converge("rsync")["timers"] == []


def test_what_nobody_has_started_is_told_until_it_is_started(machine: Machine) -> None:
    machine.converge("rsync")
    assert machine.warnings == []
    again = machine.converge("rsync")
    assert (again["changed"], again["waiting_units"]) == (False, ["rsync.service", "rsync.socket"])
    assert machine.warnings == [newcomers.warning(["rsync.service", "rsync.socket"])]
    machine.units["rsync.socket"] = ("enabled", "active")  # a role's
    machine.check_mode = True
    machine.converge("rsync")
    assert machine.warnings[1:] == [newcomers.warning(["rsync.service"])]
    machine.units["rsync.service"] = ("enabled", "active")
    machine.converge("rsync")
    assert len(machine.warnings) == 2


@pytest.mark.parametrize("wanted", [["rsync"], []])
def test_what_a_transaction_that_did_not_end_owes_is_done(machine: Machine, wanted: list[str]) -> None:
    machine.answer = (100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    with pytest.raises(AptError, match="installing rsync failed"):
        machine.converge("rsync")
    machine.answer = None
    machine.status |= {"rsync": "ii ", "libpopt0": "it "}  # what dpkg had come to
    machine.check_mode = True
    assert machine.converge(*wanted)["changes"] == ["a transaction that did not end"]
    assert machine.owed.exists()
    machine.check_mode = False
    done = machine.converge(*wanted)
    assert (done["changed"], done["installed"], done["timers"]) == (True, {"libpopt0": "1"}, ["rsync.timer"])
    assert [command[0] for command in machine.commands] == ["apt-get", "dpkg", "systemctl"]
    assert not machine.owed.exists()
    assert not machine.converge(*wanted)["changed"]


def test_what_a_former_version_owes_is_done(machine: Machine) -> None:
    machine.record.write_text(json.dumps({"files": [], "held": [], "begun": ["rsync"]}))
    machine.status |= {"rsync": "iU "}
    machine.check_mode = True
    assert machine.converge()["changed"]
    assert "begun" in machine.record.read_text()
    machine.check_mode = False
    machine.answer = (1, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    with pytest.raises(AptError, match="completing the interrupted installations failed"):
        machine.converge()
    assert (machine.record.exists(), machine.owed.read_text()) == (False, "rsync\n")
    machine.answer = None
    done = machine.converge()
    assert (done["changed"], done["installed"], done["timers"]) == (True, {"rsync": "1"}, ["rsync.timer"])
    assert not machine.owed.exists()
    assert not machine.converge()["changed"]


def test_changes_are_paths_and_packages(machine: Machine, tmp_path: Path) -> None:
    machine.record.write_text(json.dumps({"files": [f"{tmp_path}/old"], "held": []}))
    (tmp_path / "old").touch()
    machine.params["held"] = [{"value": "rsync", "origin": ""}]
    machine.check_mode = True
    changes = [f"{tmp_path}/old", f"{tmp_path}/apt.json", "+ rsync", "= rsync (held)"]
    assert machine.converge("rsync")["changes"] == changes


@pytest.mark.parametrize("answer", [None, (100, "", "E: No space left\n")])
def test_who_was_waited_for_is_a_warning_whatever_comes_of_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str, str] | None
) -> None:
    machine.answer = answer
    machine.params["lock_timeout"] = 60
    holders = ["process 1 (apt)"]
    monkeypatch.setattr(tools, "holder", lambda _: holders.pop() if holders else "")
    monkeypatch.setattr(tools, "_POLL_SECONDS", 0)
    with pytest.raises(AptError) if answer else contextlib.nullcontext():
        machine.converge("rsync")
    assert machine.warnings == ["waited 0 s for process 1 (apt), which held /var/lib/dpkg/lock-frontend"]
