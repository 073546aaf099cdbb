"""What a host has of a service: what is kept of it, what goes, and what is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata.service.declared import ServiceError

from .fake import Module, converge, file

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_there_before_the_first_run_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "a"
    (tmp_path / "old").write_text("old\n")
    (tmp_path / "a").symlink_to("old")
    settings = {"files": [file(tmp_path / "a", "A\n", former=str(kept))]}
    assert converge(Module(settings, check_mode=True))["changes"] == [str(kept), str(tmp_path / "a")]
    assert not kept.exists()
    with pytest.raises(ServiceError, match="says no"):
        converge(Module(settings | {"checks": ["look"]}, "look"))
    assert not kept.exists()
    assert converge(Module(settings))["changes"] == [str(kept), str(tmp_path / "a")]
    (tmp_path / "a").write_text("of somebody\n")
    assert converge(Module(settings))["changes"] == [str(tmp_path / "a")]
    assert kept.read_text() == "old\n"


def test_nothing_that_was_there_before_the_first_run_is_kept_as_such(tmp_path: Path) -> None:
    settings = {"files": [file(tmp_path / "a", "A\n", former=str(tmp_path / "kept"))]}
    assert converge(Module(settings))["changed"]
    assert not converge(Module(settings))["changed"]
    assert (tmp_path / "kept").read_text() == ""


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


def test_a_secret_that_goes_is_not_in_the_diff(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("canary")
    secret = file(tmp_path / "a", "") | {"content": None, "secret_content": "", "ensure": "absent"}
    for check_mode in (True, False):
        result = converge(Module({"files": [secret]}, check_mode=check_mode))
        assert result["changes"] == [str(tmp_path / "a")]
        assert "canary" not in str(result)
    assert not (tmp_path / "a").exists()


def test_a_link_is_made_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("Z\n")
    link = file(tmp_path / "a", "") | {"content": None, "link": "zone"}
    converge(Module({"files": [link]}))
    assert (tmp_path / "a").readlink().name == "zone"
    assert not converge(Module({"files": [link]}))["changed"]
    with pytest.raises(ServiceError, match=f"^{tmp_path}/a: there is no none on this host$"):
        converge(Module({"files": [link | {"link": "none"}]}))
    assert (tmp_path / "a").readlink().name == "zone"


def test_an_owner_that_a_host_does_not_have_is_named(tmp_path: Path) -> None:
    mine = file(tmp_path / "a", "A\n", owner="nobody-at-all")
    with pytest.raises(ServiceError, match=f"^{tmp_path}/a: there is no user nobody-at-all on this host$"):
        converge(Module({"files": [mine]}))
    assert converge(Module({"files": [mine]}, check_mode=True))["changes"] == [str(tmp_path / "a")]
    assert not (tmp_path / "a").exists()
