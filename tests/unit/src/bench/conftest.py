from pathlib import Path

import pytest

from strata.bench import declared, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without benchmarks; return the folder of one that is to be written."""
    for module in (declared, run):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(declared, "FOLDER", tmp_path / "benchmarks")
    (tmp_path / "benchmarks/W").mkdir(parents=True)
    return tmp_path / "benchmarks/W"
