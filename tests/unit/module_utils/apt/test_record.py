"""What earlier runs made, and what a run that was killed owes, is read as it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.apt.record import Begun, Record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "STATE", str(tmp_path))
    monkeypatch.setattr(paths, "OWED", str(tmp_path / "owed"))
    return tmp_path / "apt.json"


def test_record_is_read_as_it_was_written(record: Path) -> None:
    assert Record.read() == Record()
    kept = Record(("/etc/apt/x",), ("less",))
    files.apply(kept.changes())
    assert Record.read() == kept
    assert kept.changes() == []
    assert record.stat().st_mode & 0o777 == 0o644
    files.apply(Record().changes())
    assert not record.exists()
    assert Record().changes() == []


@pytest.mark.parametrize("begun", [[], ["less", "zip"]])
def test_what_a_former_version_owes_is_taken_over(record: Path, begun: list[str]) -> None:
    record.write_text(json.dumps({"files": ["/etc/apt/x"], "held": [], "begun": begun}))
    former = Record.read()
    assert (former.files, Begun(former).packages) == (("/etc/apt/x",), tuple(begun))
    Begun(former).note(begun)
    files.apply(former.changes())
    assert Record.read() == Record(("/etc/apt/x",))
    assert Begun(Record.read()).packages == tuple(begun)


@pytest.mark.parametrize("names", [set(), {"zip", "g++"}])
def test_transaction_is_owed_until_it_has_ended(tmp_path: Path, names: set[str]) -> None:
    assert Begun(Record()).packages is None
    Begun(Record()).note(names)
    assert Begun(Record()).packages == tuple(sorted(names))
    Begun(Record()).end()
    assert Begun(Record()).packages is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_owed_counts_though_its_list_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "owed").mkdir()
    (tmp_path / "owed/apt").write_bytes(b"less\n\xff\n")
    assert Begun(Record()).packages == ("less", "\ufffd")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b'{"files": ["/etc/apt/x"', "Expecting"),
        (b"\xff\xfe\xfd", "decode"),
        (b"[]", "something else"),
        (b'{"file": []}', "something else"),
        (b'{"files": "/etc/apt/x"}', "files is not a list of names"),
        (b'{"held": [1]}', "held is not a list of names"),
    ],
)
def test_damaged_record_is_named(record: Path, content: bytes, said: str) -> None:
    record.write_bytes(content)
    with pytest.raises(AptError, match=rf"{record}, .* is damaged \(.*{said}.*\): restore it, or remove it"):
        Record.read()
