"""Check mode on hosts in between: it touches nothing, whatever an earlier run has left there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.rollback import script

from .fake import UNIT, Module, converge, file

if TYPE_CHECKING:
    from pathlib import Path

#: Commands that only look.
READING = ("systemctl show", "systemctl is-enabled", "systemctl is-active", "name")


def unconfirmed(place: Path, end: str) -> None:
    """Leave a change that is to be confirmed, or was on its way to be kept or undone."""
    path = place / "runtime" / f"trial-rollback{end}"
    path.parent.mkdir()
    path.write_text(script(f"echo undone >{place}/a || status=1\n"))


def owe(place: Path) -> None:
    """Leave what a run that was killed has still to do."""
    (place / "owed").mkdir()
    (place / "owed/trial").write_text(f"echo undone >{place}/a\n")


def half(place: Path) -> None:
    """Leave a file that was on its way to its place."""
    (place / ".strata-a.new").write_text("half")


LEFT = {
    "nothing": lambda _: None,
    "unconfirmed": lambda place: unconfirmed(place, ""),
    "confirmed": lambda place: unconfirmed(place, ".confirmed"),
    "being undone": lambda place: unconfirmed(place, ".running"),
    "owed": owe,
    "half of a file": half,
}
UNITS: dict[str, dict[str, str]] = {
    "runs": {},
    "stopped": {"state": "inactive"},
    "failed": {"state": "failed", "enabled": "disabled"},
    "not installed": {"load": "not-found", "state": "inactive", "enabled": ""},
}


def tree(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    """Return all that stands in a folder, with modes and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_mtime, path.read_bytes() if path.is_file() else b"")
    return found


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("content", ["old\n", "A\n"], ids=["to change", "converged"])
@pytest.mark.parametrize("delay", [0, 30])
def test_check_mode_touches_nothing(
    left: str, unit: str, content: str, delay: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path / "runtime"))
    (tmp_path / "a").write_text(content)
    LEFT[left](tmp_path)
    params: dict[str, Any] = {
        "files": [file(tmp_path / "a", "A\n")],
        "commands": ["make it so"],
        "units": [UNIT],
        "rollback_delay": delay,
    }
    before = tree(tmp_path)
    module = Module(params, "systemctl is-active", check_mode=True, **UNITS[unit])
    converge(module)
    assert tree(tmp_path) == before
    assert [command for command in module.commands if not command.startswith(READING)] == []
