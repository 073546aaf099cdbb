"""Declarations of a service: what is refused, and who is named for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.service.declared import ServiceError, parse

from .fake import UNIT, Module, converge, file

if TYPE_CHECKING:
    from pathlib import Path


def test_messages_name_who_asks_for_a_file(tmp_path: Path) -> None:
    mine = file(tmp_path / "a", "A\n", validate="/bin/look at %s", origin="web__rules")
    with pytest.raises(ServiceError, match=rf"^{tmp_path}/a \(web__rules\) is refused by /bin/look: "):
        converge(Module({"files": [mine]}, "look"))
    with pytest.raises(DeclarationError, match=rf"^{tmp_path}/a \(rules\) is declared twice, also by web__rules$"):
        converge(Module({"files": [mine, mine | {"origin": "rules"}]}))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"content": None}, "needs either content, secret_content, content_from or link"),
        ({"mode": "rw"}, "mode 'rw' must be octal"),
        ({"secret_content": "B"}, "needs either content, secret_content, content_from or link"),
        ({"link": "b"}, "needs either content, secret_content, content_from or link"),
    ],
)
def test_what_is_declared_wrongly_is_named(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        converge(Module({"files": [file(tmp_path / "a", "A\n") | keys]}))


def test_only_the_owner_reads_a_secret_whose_mode_is_not_declared(tmp_path: Path) -> None:
    page = file(tmp_path / "page", "p") | {"mode": None}
    key = file(tmp_path / "key", "") | {"mode": None, "content": None, "secret_content": "k"}
    found = parse(Module({"files": [page, key]}).params)
    assert [oct(each.mode) for each in found.files] == ["0o644", "0o600"]


@pytest.mark.parametrize("kind", ["checks", "commands"])
@pytest.mark.parametrize(("command", "why"), [("sh -c 'x", ": No closing quotation"), (" ", "")])
def test_what_is_not_a_command_is_refused(tmp_path: Path, kind: str, command: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=f"is not a valid command{why}$"):
        converge(Module({"files": [file(tmp_path / "a", "A\n")], kind: [command]}))
    with pytest.raises(DeclarationError, match=f"is not a valid command{why}$"):
        converge(Module({"files": [file(tmp_path / "a", "A\n", validate=command)]}))
    assert not (tmp_path / "a").exists()


def test_what_is_not_a_port_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"^listens: '514' is not a port such as tcp:514 or udp:161$"):
        converge(Module({"units": [UNIT | {"listens": ["514"]}]}))


def test_what_shall_be_absent_needs_no_content_and_may_be_secret(tmp_path: Path) -> None:
    gone = file(tmp_path / "a", "A", secret_content="S", mode="?", ensure="absent")
    declared = parse(Module({"files": [gone]}).params)
    assert [(each.content, each.link) for each in declared.files] == [(None, None)]
    assert declared.is_secret(gone["path"])
    assert not declared.is_secret("/else")


def test_a_unit_starts_at_boot_if_it_is_started_and_nothing_else_is_said() -> None:
    units = [UNIT | {"name": name, "started": name != "b", "enabled": False if name == "c" else None} for name in "abc"]
    found = [(each.started, each.enabled) for each in parse(Module({"units": units}).params).units]
    assert found == [(True, True), (False, False), (True, False)]
