"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strata import whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_has_the_mode_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    former = os.umask(0o077)
    try:
        whole.write(file, b"new", 0o644)
    finally:
        os.umask(former)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o644)
    assert list(tmp_path.iterdir()) == [file]


def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        whole.write(file, b"new", 0o644)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
