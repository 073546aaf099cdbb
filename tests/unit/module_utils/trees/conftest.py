"""Where trees keep what outlives a call: in folders of the test."""

from pathlib import Path

import pytest
from ansible.module_utils.strata import paths


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for what outlives a call."""
    folder = tmp_path_factory.mktemp("state") / "file_trees"
    monkeypatch.setattr(paths, "LOCKS", str(tmp_path_factory.mktemp("locks")))
    monkeypatch.setattr(paths, "STATE", str(folder.parent))
    return folder
