"""Tables are as wide as who reads them can see, and lose nothing."""

from __future__ import annotations

import pytest

from strata.tables import show

LONG = " ".join(f"word{n}" for n in range(100))


@pytest.mark.parametrize(("columns", "width"), [(None, 120), ("80", 80), ("none", 120)])
def test_through_a_pipe_a_table_is_as_wide_as_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str | None, width: int
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    show(("name", "value"), [("short", LONG), ("other", "x")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []
    assert LONG.split() == [word for line in lines for word in line.split() if word.startswith("word")]
