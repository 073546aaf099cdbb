"""State of a running host that is set, and undone, with the files of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.service.declared import ServiceError
from ansible.module_utils.strata.service.live import LiveError

from .fake import UNIT, Module, converge, file

if TYPE_CHECKING:
    from pathlib import Path


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


def test_live_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LiveError, match=r"^who ends with status 1: who says no$"):
        converge(Module({"files": [file(tmp_path / "a", "A\n")], "live": [LIVE | {"read": "who"}]}, "who"))
    assert not (tmp_path / "a").exists()
