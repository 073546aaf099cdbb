"""service_files: what it plans, what it refuses, and what is there after a failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import rollback, service
from ansible.module_utils.strata.rollback import RollbackError
from ansible.module_utils.strata.service import Service, ServiceError

if TYPE_CHECKING:
    from pathlib import Path

LISTS: dict[str, Any] = {"files": [], "purge": [], "checks": [], "commands": [], "live": [], "units": []}
DEFAULTS = LISTS | {"on_change": "restart", "rollback_delay": 0}
FILE = {
    "content": None,
    "secret_content": None,
    "link": None,
    "ensure": "present",
    "mode": "0644",
    "owner": str(os.getuid()),
    "group": str(os.getgid()),
    "validate": None,
    "origin": None,
}


class Module:
    """What the module needs of AnsibleModule: parameters, and commands that are noted and answered."""

    def __init__(self, params: dict[str, Any], refuse: str = "", *, check_mode: bool = False) -> None:
        self.params = {"name": "trial"} | DEFAULTS | params
        self.check_mode = check_mode
        self.refuse = refuse
        self.commands: list[str] = []

    def run_command(self, command: list[str], **_: Any) -> tuple[int, str, str]:
        line = " ".join(command)
        self.commands.append(line)
        if command == ["name"]:
            return 0, "old\n", ""
        if command[:2] == ["systemctl", "show"]:
            block = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nActiveEnterTimestampMonotonic=1\n"
            return 0, "\n".join([block] * len(command[4:])), ""
        return (1, "", f"{line} says no") if self.refuse and self.refuse in line else (0, "", "")


@pytest.fixture(autouse=True)
def owed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "owed"
    monkeypatch.setattr(service, "OWED", str(folder))
    return folder


def file(path: Path, content: str, **keys: Any) -> dict[str, Any]:
    return FILE | {"path": str(path), "content": content} | keys


def converge(module: Module) -> dict[str, Any]:
    return Service(module).converge()


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


UNIT = {"name": "a.service", "started": True, "enabled": None}


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
    with pytest.raises(ServiceError, match="says no"):
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


def test_messages_name_who_asks_for_a_file(tmp_path: Path) -> None:
    mine = file(tmp_path / "a", "A\n", validate="/bin/look at %s", origin="web__rules")
    with pytest.raises(ServiceError, match=rf"^{tmp_path}/a \(web__rules\) is refused by /bin/look: "):
        converge(Module({"files": [mine]}, "look"))
    with pytest.raises(ServiceError, match=rf"^{tmp_path}/a \(rules\) is declared twice, also by web__rules$"):
        converge(Module({"files": [mine, mine | {"origin": "rules"}]}))
    assert not (tmp_path / "a").exists()


LIVE = {"read": "name", "value": "new", "write": "rename %s"}


def test_live_state_is_set_when_it_differs(tmp_path: Path) -> None:
    files = [file(tmp_path / "a", "A\n")]
    module = Module({"files": files, "live": [LIVE]})
    assert converge(Module({"files": files, "live": [LIVE]}, check_mode=True))["changes"] == [
        str(tmp_path / "a"),
        "rename new",
    ]
    converge(module)
    assert module.commands == ["name", "rename new"]
    assert converge(Module({"files": files, "live": [LIVE]}))["changes"] == ["rename new"]
    assert not converge(Module({"files": files, "live": [LIVE | {"value": "old"}]}))["changed"]


def test_live_state_goes_back_with_the_files(tmp_path: Path) -> None:
    module = Module({"files": [file(tmp_path / "a", "A\n")], "live": [LIVE], "units": [UNIT]}, "systemctl restart")
    with pytest.raises(ServiceError, match="says no"):
        converge(module)
    assert not (tmp_path / "a").exists()
    assert [command for command in module.commands if "rename" in command] == ["rename new", "rename old"]


def test_what_a_killed_run_owes_is_done(tmp_path: Path, owed: Path) -> None:
    (tmp_path / "a").write_text("A\n")
    owed.mkdir()
    (owed / "trial").touch()
    params = {
        "files": [file(tmp_path / "a", "A\n")],
        "commands": ["make it so"],
        "on_change": "reload",
        "units": [UNIT],
    }
    assert converge(Module(params))["changes"] == ["make it so", "a.service: reload"]
    assert not owed.exists()
    assert not converge(Module(params))["changed"]


def test_files_that_are_not_declared_are_purged(tmp_path: Path) -> None:
    for name in ("keep.conf", "gone.conf", "other.txt"):
        (tmp_path / name).write_text("")
    module = Module({"purge": [f"{tmp_path}/*.conf"], "files": [file(tmp_path / "keep.conf", "K\n")]})
    converge(module)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keep.conf", "other.txt"]


def test_a_secret_is_not_in_the_diff(tmp_path: Path) -> None:
    secret = file(tmp_path / "a", "") | {"content": None, "secret_content": "canary", "mode": "0600"}
    result = converge(Module({"files": [secret]}))
    assert (tmp_path / "a").read_text() == "canary"
    assert "canary" not in str(result)


def test_a_link_is_made_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("Z\n")
    link = file(tmp_path / "a", "") | {"content": None, "link": "zone"}
    converge(Module({"files": [link]}))
    assert (tmp_path / "a").readlink().name == "zone"
    assert not converge(Module({"files": [link]}))["changed"]
    with pytest.raises(ServiceError, match=f"^{tmp_path}/a: there is no none on this host$"):
        converge(Module({"files": [link | {"link": "none"}]}))
    assert (tmp_path / "a").readlink().name == "zone"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"content": None}, "needs either content, secret_content or link"),
        ({"mode": "rw"}, "mode 'rw' must be octal"),
        ({"owner": "nobody-at-all"}, "there is no user nobody-at-all on this host"),
    ],
)
def test_what_is_declared_wrongly_is_named(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        converge(Module({"files": [file(tmp_path / "a", "A\n") | keys]}))


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rollback, "FOLDER", str(tmp_path / "run"))
    return tmp_path / "run/trial-rollback"


def test_guarded_files_are_in_force_until_somebody_decides(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    params = {"files": [file(tmp_path / "a", "new\n")], "units": [UNIT], "on_change": "reload", "rollback_delay": 30}
    module = Module(params)
    assert converge(module)["unconfirmed"] == 30
    assert module.commands[1].startswith("systemd-run ")
    assert (tmp_path / "a").read_text() == "new\n"
    assert "\nsystemctl reload-or-restart a.service || status=1\n" in guard.read_text()
    assert Service(Module({})).decide(keep=True) == {"changed": True, "confirmed": True}
    assert not list(guard.parent.iterdir())
    assert "unconfirmed" not in converge(Module(params))


def test_guarded_files_that_fail_leave_no_timer(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    module = Module({"files": [file(tmp_path / "a", "new\n")], "checks": ["look at it"], "rollback_delay": 30}, "look")
    with pytest.raises(ServiceError, match="look at it says no"):
        converge(module)
    assert (tmp_path / "a").read_text() == "old\n"
    assert not list(guard.parent.iterdir())
    assert module.commands[-1] == "systemctl stop strata-trial-rollback.timer"


def test_without_a_guard_nothing_is_changed(tmp_path: Path, guard: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    with pytest.raises(RollbackError, match=r"no rollback: systemd-run .* says no"):
        converge(Module({"files": [file(tmp_path / "a", "new\n")], "rollback_delay": 30}, "systemd-run"))
    assert (tmp_path / "a").read_text() == "old\n"
    assert not list(guard.parent.iterdir())
