"""Programs of a check: what they print is in its log, and none outlives its time limit."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from strata.gate.session import Session, StoppedError, TimeUpError
from strata.gate.trees import Tree

HANGS = "trap '' TERM; echo begun; setsid sleep 61 & echo $!; wait; sleep 62"


def session(folder: Path, limit: float = 30, stop: threading.Event | None = None) -> Session:
    return Session(folder / "log", limit, stop or threading.Event())


def test_output_and_exit_code(tmp_path: Path) -> None:
    made = session(tmp_path)
    assert made.run(Tree(tmp_path), "sh", "-c", "echo $WORD; echo wrong >&2; pwd; exit 3", WORD="a b") == 3
    assert made.run(Tree(tmp_path), "true") == 0
    log = made.log.read_text()
    assert log.endswith(f"\na b\nwrong\n{tmp_path}\n$ true\n")


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    made = session(tmp_path, limit=1)
    with pytest.raises(TimeUpError, match="did not end within 1 s"):
        made.run(Tree(tmp_path), "sh", "-c", HANGS)
    started = re.findall(r"^\d+$", made.log.read_text(), re.MULTILINE)
    assert len(started) == 1
    deadline = time.monotonic() + 60
    while alive(started[0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: str) -> bool:
    try:
        return " Z " not in Path("/proc", pid, "stat").read_text()
    except OSError:
        return False


def test_another_checks_failure_ends_it(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        session(tmp_path, stop=stop).run(Tree(tmp_path), "sleep", "60")
    assert time.monotonic() - start < 50
