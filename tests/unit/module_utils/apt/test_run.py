"""A run of apt as a whole: what it owes is on the host from before dpkg begins until all is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata.apt import newcomers, policy, settings, stage, tools, transaction
from ansible.module_utils.strata.apt.newcomers import Units
from ansible.module_utils.strata.apt.plan import AptError
from ansible.module_utils.strata.apt.run import Run

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

    def __init__(self, record: Path) -> None:
        self.record = record
        self.status = {"dpkg": "ii "}
        self.commands: list[list[str]] = []
        self.answer: tuple[int, str, str] | None = None
        self.while_at_work: list[Any] = []
        self.warnings: list[str] = []
        self.warn = self.warnings.append
        self.check_mode = False
        self.params: dict[str, Any] = {
            **dict.fromkeys(["sources", "keys", "pins", "conf", "absent", "held", "debconf"], ()),
            **dict.fromkeys(["purge", "migrate", "install_recommends"], False),
            "lists_max_age": 3600,
            "lock_timeout": 0,
        }

    def run_command(self, command: list[str], **_: Any) -> tuple[int, str, str]:
        said = self.tell(command)
        if said is None:
            self.commands.append(command)
            if command[0] != "systemctl":
                self.while_at_work.append(json.loads(self.record.read_bytes()))
            if self.answer:
                return self.answer
            self.status = dict.fromkeys([*self.status, *(["rsync"] if "rsync" in command else [])], "ii ")
        return 0, said or "", ""

    def tell(self, command: list[str]) -> str | None:
        """Return what a command says that changes nothing."""
        if command[:2] == ["dpkg-query", "--show"]:
            return "".join(f"{status}\t{name}\tamd64\t1\t\t\n" for name, status in self.status.items())
        if command[:2] == ["dpkg-query", "--listfiles"]:
            return "".join(f"{path}\n" for path in FILES)
        if command[:2] == ["systemctl", "show"]:
            form = "Id={}\nUnitFileState={}\nActiveState={}\n"
            return "\n".join(form.format(name, *STATES[name]) for name in command[4:])
        return "Inst rsync (1 x)\n" if "--option=APT::Get::Simulate=true" in command else None

    def converge(self, *packages: str) -> dict[str, Any]:
        self.params["packages"] = [{"value": name, "origin": ""} for name in packages]
        return Run(self).converge()  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/x_InRelease").touch()
    monkeypatch.setattr(tools, "LISTS", str(tmp_path / "lists"))
    monkeypatch.setattr(tools, "holder", lambda _: "")
    monkeypatch.setattr(transaction, "UPDATE_STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(transaction, "JOURNAL", str(tmp_path / "updates"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(settings, "RECORD", str(tmp_path / "apt.json"))
    monkeypatch.setattr(stage, "WORK", str(tmp_path / "stage"))
    monkeypatch.setattr(newcomers, "SYSTEMD", str(tmp_path))
    return Machine(tmp_path / "apt.json")


def test_timers_of_new_packages_start_and_waiting_units_are_named(machine: Machine) -> None:
    done = machine.converge("rsync")
    assert (done["timers"], done["waiting_units"]) == (["rsync.timer"], ["rsync.service", "rsync.socket"])
    assert machine.commands[-1] == ["systemctl", "start", "--", "rsync.timer"]
    assert machine.while_at_work == [{"files": [], "held": [], "begun": ["rsync"]}]
    assert not machine.record.exists()
    commands = len(machine.commands)
    done = machine.converge("rsync")
    assert (done["changed"], done["timers"], len(machine.commands)) == (False, [], commands)


def test_policy_of_the_host_decides_about_timers_too(machine: Machine) -> None:
    Path(policy.PATH).write_text("#!/bin/sh\nexit 101\n")
    assert machine.converge("rsync")["timers"] == []
    assert machine.commands[-1][0] == "apt-get"


def test_host_without_systemd_has_no_timers(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "SYSTEMD", "/nowhere")
    assert machine.converge("rsync")["timers"] == []


def test_timer_that_does_not_start_is_a_warning(machine: Machine) -> None:
    machine.answer = (1, "", "Failed to start x.timer: Unit x.service is masked.\n")
    assert Units().start_timers(tools.Tools(machine.run_command, 0)) == ""
    said = Units(("x.timer",)).start_timers(tools.Tools(machine.run_command, 0))
    assert said == "not all of the timers x.timer start: Failed to start x.timer: Unit x.service is masked."


@pytest.mark.parametrize("wanted", [["rsync"], []])
def test_what_a_transaction_that_did_not_end_owes_is_done(machine: Machine, wanted: list[str]) -> None:
    machine.answer = (100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    with pytest.raises(AptError, match="installing rsync failed"):
        machine.converge("rsync")
    machine.answer = None
    machine.status |= {"rsync": "ii ", "libpopt0": "it "}  # what dpkg had come to
    machine.check_mode = True
    assert machine.converge(*wanted)["changed"]
    assert machine.record.exists()
    machine.check_mode = False
    done = machine.converge(*wanted)
    assert (done["changed"], done["installed"], done["timers"]) == (True, {"libpopt0": "1"}, ["rsync.timer"])
    assert [command[0] for command in machine.commands] == ["apt-get", "dpkg", "systemctl"]
    assert not machine.record.exists()
    assert not machine.converge(*wanted)["changed"]
