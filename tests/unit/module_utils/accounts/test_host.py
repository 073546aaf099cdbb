"""What is read of a host's accounts."""

from __future__ import annotations

import grp
import pwd
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.accounts import host
from ansible.module_utils.strata.accounts.homes import Home
from ansible.module_utils.strata.accounts.host import Account, Actual, HostGroup
from ansible.module_utils.strata.errors import StrataError

from .sample import declare

if TYPE_CHECKING:
    from pathlib import Path

ALICE = ("alice", "x", 2001, 2001, "Alice", "/nowhere/alice", "/bin/bash")
FILES = {
    "/etc/passwd": [[str(field) for field in ALICE]],
    "/etc/shadow": [["alice", "*", "20000", "0", "99999", "7", "", "1", ""]],
    "/etc/group": [["web", "x", "3000", "alice,bob"], ["adm", "x", "4", ""]],
    "/etc/gshadow": [["adm", "*", "", ""]],
}


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "_lines", FILES.__getitem__)
    monkeypatch.setattr(paths, "STATE", str(tmp_path))


def test_the_four_files_are_read_together() -> None:
    assert host.read() == Actual(
        {"alice": Account("alice", 2001, 2001, "Alice", "/nowhere/alice", "/bin/bash", "*", "1")},
        {"web": HostGroup(3000, frozenset({"alice", "bob"}), shadowed=False), "adm": HostGroup(4)},
    )


def test_lines_that_are_not_of_the_file_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (tmp_path / "passwd").write_text("+@admins\nbob:x:1:1::/:/bin/sh\n\n")
    assert host._lines(str(tmp_path / "passwd")) == [["bob", "x", "1", "1", "", "/", "/bin/sh"]]
    assert host._lines(str(tmp_path / "none")) == []


def test_who_is_remembered_is_read_and_a_damaged_record_is_not_taken_for_nobody(tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text('{"alice": true, "bob": false}')
    assert host.read().recorded == {"alice": True, "bob": False}
    for damage in ("{", "[]"):
        (tmp_path / "accounts").write_text(damage)
        with pytest.raises(StrataError, match=f"^{tmp_path}/accounts is damaged: remove it"):
            host.read()


def test_a_directory_service_is_asked_for_names_and_for_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(entry: object, *keys: object) -> object:
        return lambda key: entry if key in keys else {}[key]

    monkeypatch.setattr(pwd, "getpwnam", known(pwd.struct_passwd(ALICE), "alice"))
    monkeypatch.setattr(pwd, "getpwuid", known(pwd.struct_passwd(("carol", *ALICE[1:])), 2001))
    monkeypatch.setattr(grp, "getgrnam", known(grp.struct_group(("alice", "x", 9, ["bob"])), "alice"))
    monkeypatch.setattr(grp, "getgrgid", known(None))
    found = host.look(declare({"home": "/nowhere/alice"}), Actual({}, {}))
    assert {name: (each.uid, each.local) for name, each in found.accounts.items()} == {
        "alice": (2001, False),
        "carol": (2001, False),
    }
    assert found.groups == {"alice": HostGroup(9, frozenset({"bob"}))}
    assert found.homes == {"alice": Home()}
    assert host.look(declare({"home": "/nowhere/alice"}), host.read()).accounts["alice"].local


def test_shells_that_are_not_there_are_named() -> None:
    assert host.look(declare({"shell": "/bin/none"}), host.read()).no_shells == {"/bin/none"}


@pytest.mark.parametrize("state", ["disabled", "absent"])
def test_what_a_leaver_shares_with_root_is_left_alone(state: str) -> None:
    root, alice = Account("root", 0, 0, "", "/root", "/bin/sh"), Account("alice", 0, 0, "", "/root", "/bin/sh")
    leaver = declare({"state": state, "remove_home": state == "absent"})
    found = host.look(leaver, Actual({"root": root, "alice": alice}, {}))
    assert not found.processes.get("alice")
    assert "may be those of root, who has the uid 0 as well" in found.homes["alice"].obstacle
    found = host.look(leaver, Actual({"root": root, "alice": replace(alice, uid=2001)}, {}))
    assert not found.homes["alice"].obstacle
