"""A host that owes nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def owed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "owed"
    monkeypatch.setattr(paths, "OWED", str(folder))
    return folder
