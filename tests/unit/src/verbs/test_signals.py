"""Signals end `strata test`, `gate` and `bench` soon, with all that they started; real processes, no containers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., "Process"]

PROGRAM = Path(__file__).with_name("sleepers.py")
PARTS = ["quick", "slow", "stubborn", "apart", "waiting"]


@dataclass
class Process:
    """A command line at work; a shell started it, in the background if so wanted, and tells its exit code."""

    folder: Path
    shell: subprocess.Popen[str]

    def wait_for(self, *names: str) -> None:
        """Wait until parts have told their processes."""
        files = [self.folder / f"pids-{name}" for name in names]
        while not all(file.exists() and file.read_text().endswith("\n") for file in files):
            assert self.shell.poll() is None, self.shell.stdout.read() if self.shell.stdout else ""
            time.sleep(0.05)

    def end(self, *numbers: int) -> tuple[int, str]:
        """Send signals, and return the exit code and the output."""
        pid = int((self.folder / "pid").read_text())
        start = time.monotonic()
        for number in numbers:
            os.kill(pid, number)
            time.sleep(0.2)
        output, _ = self.shell.communicate(timeout=60)
        assert time.monotonic() - start < 10
        return self.shell.returncode, output

    def left(self) -> list[str]:
        """Return the processes of parts that are still there."""
        pids = [pid for file in self.folder.glob("pids-*") for pid in file.read_text().split()]
        stats = []
        for pid in pids:
            with suppress(OSError):  # it has ended
                stats.append(Path("/proc", pid, "stat").read_text())
        return [stat for stat in stats if " Z " not in stat]

    def removed(self) -> set[str]:
        return {path.name.removeprefix("removed-") for path in self.folder.glob("removed-*")}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command line."""
    started: list[Process] = []

    def begin(*arguments: str, ignored: bool = False) -> Process:
        command = shlex.join([sys.executable, str(PROGRAM), str(tmp_path), *arguments])
        # What a shell without job control starts by `&` ignores SIGINT.
        plain = f"{sys.executable} -c 'import signal; print(signal.getsignal(2) is signal.SIG_IGN)'"
        inside = (
            f"{command} & echo $! >{tmp_path}/pid; wait $!" if ignored else f"echo $$ >{tmp_path}/pid; exec {command}"
        )
        shell = subprocess.Popen(
            # Whoever runs the tests under nohup has SIGHUP ignored below them, too.
            ["env", "--default-signal=HUP", "sh", "-c", f"{plain} & wait; {inside}" if ignored else inside],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
        )
        started.append(Process(tmp_path, shell))
        return started[-1]

    yield begin
    for process in started:
        for stat in process.left():
            os.kill(int(stat.split()[0]), signal.SIGKILL)
        process.shell.kill()


@pytest.mark.parametrize("ignored", [False, True], ids=["in front", "in the background"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_suite_ends_with_all_that_it_started(start: Start, number: int, code: int, ignored: bool) -> None:
    process = start("test", *PARTS, ignored=ignored)
    process.wait_for("slow", "stubborn", "apart")
    assert len(process.left()) == 4
    found, output = process.end(number)
    assert found == code, output
    assert output.startswith("True\n") is ignored
    assert output.endswith("unfinished: slow, stubborn, apart; not begun: waiting\n")
    assert not re.search("Aborted|Traceback|FAILED|failed, [1-9]", output)
    assert process.left() == []
    assert not (process.folder / "wrong").exists()
    assert process.removed() == {"slow", "slow-too", "stubborn", "apart"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_gate_ends_with_all_that_it_started(start: Start, number: int, code: int) -> None:
    process = start("gate")
    process.wait_for("slow", "stubborn", "apart")
    found, output = process.end(number)
    assert found == code, output
    assert output.endswith("unfinished: slow, stubborn, apart; not begun: waiting\n")
    assert not re.search("Aborted|Traceback|failed", output)
    assert process.left() == []
    assert process.removed() == {"molecule-slow", "molecule-stubborn", "molecule-apart"}
    assert not (process.folder / "wrong").exists()
    assert not (process.folder / "gate/report.json").exists()


def test_impatience_does_not_keep_hosts_from_being_removed(start: Start) -> None:
    process = start("test", "slow", "stubborn")
    process.wait_for("slow", "stubborn")
    assert process.end(signal.SIGINT, signal.SIGINT, signal.SIGTERM)[0] == 130
    assert process.removed() == {"slow", "slow-too", "stubborn"}
    assert process.left() == []


def test_what_does_not_end_is_left_behind_and_told(start: Start) -> None:
    process = start("test", "hang")
    process.wait_for("hang")
    code, output = process.end(signal.SIGTERM)
    assert code == 143
    assert output.endswith("strata: ended before all was removed: `bin/strata down --all` removes the rest\n")


def test_rounds_end_too(start: Start) -> None:
    process = start("test", "--repeat", "3", "slow")
    process.wait_for("slow")
    code, output = process.end(signal.SIGTERM)
    assert (code, output) == (143, "round 1 of 3\nslow ...\nunfinished: slow\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_benchmark_ends_and_its_hosts_are_removed(start: Start, number: int, code: int) -> None:
    process = start("bench", "W1", "W2", ignored=True)
    process.wait_for("slow")
    (process.folder / "removed-bench-W1").unlink()  # before it began, what was left of another run was
    found, output = process.end(number)
    assert found == code, output
    assert output.endswith("unfinished: W1; not begun: W2\n")
    assert "Aborted" not in output
    assert process.removed() == {"bench-W1"}
    assert process.left() == []
