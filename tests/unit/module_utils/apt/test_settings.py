"""What changes in /etc/apt, and in which order, and what a diff shows of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import keys, settings, sources
from ansible.module_utils.strata.apt.declared import Settings, parse_settings
from ansible.module_utils.strata.apt.record import Record
from ansible.module_utils.strata.errors import DeclarationError

from .sample import ARMOUR, SOURCE


def declared(**parameters: Any) -> Settings:
    return parse_settings({"sources": [], "keys": [], "pins": [], "conf": [], "credentials": []} | parameters)


def test_keys_come_before_what_needs_them_and_go_after_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FOLDER", str(tmp_path / "keyrings"))
    monkeypatch.setattr(sources, "FOLDER", str(tmp_path / "sources"))
    first = declared(sources=[SOURCE | {"signed_by": ARMOUR}])
    changes = settings.plan(first, Record(), [])
    files.apply(changes)
    assert [change.path.rpartition("/")[2] for change in changes] == ["example.asc", "example.sources"]
    assert settings.plan(first, Record(), []) == []
    changes = settings.plan(declared(), Record(tuple(first.files)), [])
    assert [change.path.rpartition("/")[2] for change in changes] == ["example.sources", "example.asc"]


def test_purge_leaves_a_source() -> None:
    with pytest.raises(DeclarationError, match=r"purging /etc/apt/sources\.list would leave no source"):
        settings.plan(declared(sources=[SOURCE | {"enabled": False}]), Record(), ["/etc/apt/sources.list"])


def test_password_of_a_foreign_source_is_not_shown() -> None:
    old = files.File(b"# deb http://me:canary@example.org/ x main\n")
    (shown,) = files.diff(settings.masked([files.Change("/etc/apt/sources.list", old, None)]))
    assert "secret content" in shown["before"]
    assert "canary" not in shown["before"]
    plain = files.Change("/x", None, files.File(b"URIs: http://example.org/\n"))
    assert "example.org" in files.diff(settings.masked([plain]))[0]["after"]


def test_foreign_sources_are_named_in_order(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FOLDER", str(tmp_path))
    monkeypatch.setattr(sources, "LIST", str(tmp_path / "none"))
    for name in ("b.list", "a.sources", "c.sources", "d.save"):
        (tmp_path / name).write_text("")
    found = settings.foreign_sources(declared(), Record())
    assert found == [f"{tmp_path}/{name}" for name in ("a.sources", "b.list", "c.sources")]
