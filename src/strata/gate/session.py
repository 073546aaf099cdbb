"""One check at work: its log, its time limit, and the programs that it runs one after another."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata import processes
from strata.errors import StrataError

if TYPE_CHECKING:
    from pathlib import Path
    from threading import Event

    from strata.gate.trees import Tree

#: Seconds between two looks at whether a program must be ended.
PAUSE = 0.2


class TimeUpError(StrataError):
    """The check did not end within its time limit."""


class StoppedError(StrataError):
    """The check was ended because another one has failed."""


@dataclass
class Session:
    """A check's log and time limit; `stop` ends it."""

    log: Path
    limit: float
    stop: Event
    began: float = field(default_factory=time.monotonic)

    def run(self, tree: Tree, *command: Path | str, **settings: str) -> int:
        """Run a program in a tree, with its output in the log, and return its exit code.

        Args:
            tree: where it runs.
            command: the program and its arguments.
            settings: variables of its environment.

        Raises:
            TimeUpError: the check took too long; what it started has been ended.
            StoppedError: another check has failed.
            Interrupted: a signal has come.

        """
        self.note(f"$ {shlex.join(map(str, command))}")
        with (
            self.log.open("a", encoding="utf-8") as log,
            processes.started(
                command, cwd=tree.root, env=tree.environment(**settings), stdout=log, stderr=subprocess.STDOUT
            ) as process,
        ):
            while True:
                try:
                    return process.wait(PAUSE)
                except subprocess.TimeoutExpired:
                    self._look(process)

    def note(self, text: str) -> None:
        """Write a line of our own into the log."""
        with self.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{text}\n")

    def _look(self, process: subprocess.Popen[str]) -> None:
        processes.check()
        if self.stop.is_set():
            processes.end(process)
            raise StoppedError("ended, as another check has failed")
        if time.monotonic() - self.began > self.limit:
            processes.end(process)
            raise TimeUpError(f"did not end within {self.limit:.0f} s, and was ended")
