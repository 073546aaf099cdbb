"""Our own record of runs: lines of JSON, one when a run begins, one for each host, one when it ends."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from strata.deploy.lock import now, who, written
from strata.deploy.state import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What became of a host, and of these what is wrong.
SAME, CHANGED, FAILED, UNREACHABLE, HELD_BACK, HALTED = (
    "unchanged",
    "changed",
    "failed",
    "unreachable",
    "held back",
    "halted",
)
WRONG = (FAILED, UNREACHABLE, HELD_BACK, HALTED)


@dataclass(frozen=True)
class Done:
    """What a run did on a host."""

    host: str
    stage: str
    service: str
    result: str
    seconds: float = 0
    changed: tuple[str, ...] = ()
    message: str = ""


@dataclass
class Run:
    """A run; `ended` is "" while it goes on, and if it was killed."""

    number: int
    began: str
    who: str
    revision: str
    trouble: str = ""
    ended: str = ""
    hosts: list[Done] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took."""
        ends = [datetime.fromisoformat(when) for when in (self.began, self.ended or self.began)]
        return (ends[1] - ends[0]).total_seconds()

    def count(self, *results: str) -> int:
        """Return on how many hosts it had one of these results."""
        return sum(done.result in results for done in self.hosts)


class Runs:
    """The runs that a folder remembers."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self._file, self._logs = folder / "runs.jsonl", folder / "logs"

    def all(self) -> list[Run]:
        """Return the runs, the first one first."""
        runs: dict[int, Run] = {}
        for entry in self._entries():
            number = entry.pop("run")
            match entry.pop("kind"):
                case "begin":
                    runs[number] = Run(number, **entry)
                case "host" if number in runs:
                    runs[number].hosts.append(Done(**entry | {"changed": tuple(entry["changed"])}))
                case "end" if number in runs:
                    runs[number].ended = entry["ended"]
        return list(runs.values())

    def begin(self, revision: str, trouble: str, keep_days: int) -> Run:
        """Remember that a run begins, forget those that are too old, and return it."""
        known = self.all()
        oldest = (datetime.now(UTC) - timedelta(days=keep_days)).isoformat(timespec="seconds")
        old = {run.number for run in known if run.began < oldest}
        if old:
            kept = [json.dumps(entry) for entry in self._entries() if entry["run"] not in old]
            write(self._file, "".join(f"{line}\n" for line in kept))
            for number in old:
                shutil.rmtree(self._logs / str(number), ignore_errors=True)
        run = Run(max((run.number for run in known), default=0) + 1, now(), who(), revision, trouble)
        shown = {"began": run.began, "who": run.who, "revision": revision, "trouble": trouble}
        self._append({"run": run.number, "kind": "begin", **shown})
        return run

    def add(self, run: Run, done: Done) -> None:
        """Remember what a run did on a host."""
        run.hosts.append(done)
        self._append({"run": run.number, "kind": "host", **asdict(done)})

    def end(self, run: Run) -> None:
        """Remember that a run has ended."""
        run.ended = now()
        self._append({"run": run.number, "kind": "end", "ended": run.ended})

    def log(self, number: int, host: str) -> Path:
        """Return where what Ansible said of a host in a run is."""
        return self._logs / str(number) / f"{host.replace('/', '_')}.log"

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Yield what was remembered; a line that a killed run left half is none."""
        text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and "run" in entry and "kind" in entry:
                yield entry

    def _append(self, entry: dict[str, Any]) -> None:
        with written(self._file), self._file.open("a+b") as stream:
            end = stream.seek(0, os.SEEK_END)
            torn = end and os.pread(stream.fileno(), 1, end - 1) != b"\n"
            stream.write(f"{chr(10) if torn else ''}{json.dumps(entry)}\n".encode())
            stream.flush()
            os.fchmod(stream.fileno(), 0o600)
            os.fsync(stream.fileno())
