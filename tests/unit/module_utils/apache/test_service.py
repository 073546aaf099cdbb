"""What Apache's logs say: of a site's own user, they may be anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.apache import service
from ansible.module_utils.strata.apache.service import Apache
from ansible.module_utils.strata.apache.vhosts import Site

if TYPE_CHECKING:
    from pathlib import Path

LINE = "[now] [core:error] [pid 1] AH00020: %s\n"


def said(log: Path) -> str:
    """What is said of a site with that log."""
    site = Site("a", "a.conf", (80,), f'ErrorLog "{log}"\n', "httpd_vhosts")
    return Apache(lambda *_, **__: (0, "", ""))._said(0, {}, [site])


@pytest.fixture(autouse=True)
def no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOGS", str(tmp_path / "none"))


def test_the_end_of_a_log_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_text(LINE % "first" + LINE % "last")
    assert said(tmp_path / "log") == "AH00020: first\nAH00020: last"
    monkeypatch.setattr(service, "MOST", len(LINE % "last"))
    assert said(tmp_path / "log") == "AH00020: last"


@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_what_stands_where_a_log_belongs_is_neither_read_nor_waited_for(tmp_path: Path, trap: str) -> None:
    (tmp_path / "canary").write_text(LINE % "canary")
    if trap == "link":
        (tmp_path / "log").symlink_to("canary")
    elif trap == "pipe":
        os.mkfifo(tmp_path / "log")
    else:
        (tmp_path / "log").mkdir()
    assert said(tmp_path / "log") == ""
