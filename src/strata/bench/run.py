"""Measuring a benchmark: its hosts are booted and converged, and its sides run in turn."""

import json
import os
import random
import resource
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from strata import processes
from strata.bench.declared import Benchmark, Side
from strata.errors import StrataError, UsageError
from strata.paths import BIN, ROOT, STATE
from strata.progress import step
from strata.sandbox.hosts import Host, Sandbox

#: The last part of the first host's addresses; the others follow.
FIRST_NUMBER = 11

#: Files in one folder of a generated tree.
FOLDER_SIZE = 100

LAST_LINES = 15


@dataclass
class Result:
    """What was measured of a side: seconds of each run, remote calls of the last, and the most memory used here."""

    side: str
    first: float
    seconds: list[float] = field(default_factory=list)
    calls: int | None = None
    megabytes: float = 0

    @property
    def median(self) -> float:
        """Return the median of the runs."""
        return statistics.median(self.seconds)

    def row(self, reference: "Result") -> tuple[object, ...]:
        """Return the side's line of the table; `reference` is the side that the others are compared with."""
        return (
            self.side,
            len(self.seconds),
            f"{self.median:.2f}",
            f"{min(self.seconds):.2f}-{max(self.seconds):.2f}",
            f"{self.median / reference.median:.2f}",
            "-" if self.calls is None else self.calls,
            f"{self.first:.1f}",
            f"{self.megabytes:.0f}",
        )


@dataclass(frozen=True)
class _Done:
    seconds: float
    megabytes: float
    changed: list[str]
    calls: int | None


def measure(benchmark: Benchmark, runs: int | None = None) -> list[Result]:
    """Boot and converge the hosts of each side, and measure the sides in turn; `runs` overrides what the sides say.

    Raises:
        UsageError: a program that a side needs is missing on this machine.
        StrataError: a run failed, or changed something when there was nothing left to do.
        Interrupted: a signal has come.

    """
    for side in benchmark.sides:
        if side.command and not shutil.which(side.command[0]):
            raise UsageError(f"{benchmark.name}: {side.name} needs {side.command[0]} on this machine: install it")
    hosts = [host for side in benchmark.sides for host in benchmark.hosts_of(side)]
    sandbox = Sandbox(
        f"bench-{benchmark.name}",
        [Host(host, benchmark.image, FIRST_NUMBER + at) for at, host in enumerate(hosts)],
    )
    bench = _Bench(benchmark, sandbox, STATE / "bench" / benchmark.name)
    sandbox.down()
    try:
        try:
            return bench.run(runs)
        finally:
            bench.remove()
    except processes.Interrupted:  # perhaps while it was being removed
        bench.remove()
        raise


def schedule(benchmark: Benchmark, runs: int | None) -> Iterator[Side]:
    """Give the sides in turn until each has had its runs."""
    for at in range(max(runs or side.runs for side in benchmark.sides)):
        yield from (side for side in benchmark.sides if at < (runs or side.runs))


class _Bench:
    """A benchmark while it runs, with its files and its log below `folder`."""

    def __init__(self, benchmark: Benchmark, sandbox: Sandbox, folder: Path) -> None:
        self.benchmark = benchmark
        self.sandbox = sandbox
        self.folder = folder
        self.files = folder / "files"
        self.inventory = folder / "hosts.json"
        self.log = folder / "log"

    def run(self, runs: int | None) -> list[Result]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        make_files(self.files, self.benchmark.count, self.benchmark.size)
        self.sandbox.up()
        self._write_inventory()
        results = {}
        for side in self.benchmark.sides:
            with step(f"{self.benchmark.name}: converging {side.name}"):
                if side.prepare:
                    self._play(side, side.prepare)
                done = self._once(side)
                results[side.name] = Result(side.name, done.seconds, megabytes=done.megabytes)
        for side in schedule(self.benchmark, runs):
            with step(f"{self.benchmark.name}: {side.name}"):
                done = self._once(side)
            if done.changed:
                raise StrataError(f"{self._where(side)} had nothing left to do, and changed: {'; '.join(done.changed)}")
            result = results[side.name]
            result.seconds.append(done.seconds)
            result.calls = done.calls
            result.megabytes = max(result.megabytes, done.megabytes)
        return list(results.values())

    def remove(self) -> None:
        """Remove the hosts, and the files that were made for them."""
        self.sandbox.down()
        shutil.rmtree(self.files, ignore_errors=True)

    def _once(self, side: Side) -> _Done:
        return (
            self._play(side, side.playbook, *side.options) if side.playbook else self._execute(side, self._filled(side))
        )

    def _play(self, side: Side, playbook: Path, *options: str) -> _Done:
        command = [str(BIN / "ansible-playbook"), "-i", str(self.inventory)]
        hosts = ",".join(self.benchmark.hosts_of(side))
        return self._execute(side, [*command, "--limit", hosts, *options, str(playbook)])

    def _filled(self, side: Side) -> list[str]:
        """Return a side's command with the host, the files and the way to the host in their places."""
        places = {
            "{files}": str(self.files),
            "{host}": self.benchmark.hosts_of(side)[0],
            "{ssh}": " ".join(["ssh", *self._ssh_options()]),
        }
        words = side.command
        for place, value in places.items():
            words = tuple(word.replace(place, value) for word in words)
        return list(words)

    def _ssh_options(self) -> list[str]:
        """Return options that share connections as Ansible's do."""
        sockets = json.loads((self.sandbox.folder / "hosts.json").read_text())["control_path"].replace("%%", "%")
        shared = ("ControlMaster=auto", "ControlPersist=60s", f"ControlPath={sockets}")
        return ["-F", str(self.sandbox.ssh_config), *(word for option in shared for word in ("-o", option))]

    def _write_inventory(self) -> None:
        control_path = json.loads((self.sandbox.folder / "hosts.json").read_text())["control_path"]
        variables = {
            "ansible_user": "root",
            "ansible_ssh_common_args": f"-F {self.sandbox.ssh_config}",
            "ansible_control_path": control_path,
            "strata_project_config": str(self.files),
        }
        hosts: dict[str, dict[str, str]] = {host.name: {} for host in self.sandbox.hosts}
        self.inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))

    def _execute(self, side: Side, command: list[str]) -> _Done:
        record = self.folder / "record.json"
        record.unlink(missing_ok=True)
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "facts"),
            "STRATA_RUN_RECORD": str(record),
            "ANSIBLE_NOCOLOR": "1",
        }
        if side.plain:
            settings["ANSIBLE_CALLBACKS_ENABLED"] = "run_record"
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            start = time.monotonic()
            with processes.started(
                command, cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
            ) as process:
                process.returncode, usage = _wait(process.pid)
            seconds = time.monotonic() - start
        if process.returncode:
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise StrataError("\n  ".join([f"{self._where(side)} failed (the whole output is in {self.log}):", *lines]))
        changed, calls = _recorded(record)
        return _Done(seconds, usage.ru_maxrss / 1024, changed, calls)

    def _where(self, side: Side) -> str:
        return f"{self.benchmark.name}: {side.name}"


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    """Return a process' exit code, and what it and its children used."""
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage


def _recorded(record: Path) -> tuple[list[str], int | None]:
    """Return which tasks changed something, and the count of remote calls, as far as the run says."""
    if not record.exists():
        return [], None
    hosts = [host for play in json.loads(record.read_text())["plays"] for host in play["hosts"].values()]
    return [task for host in hosts for task in host["changed"]], sum(host["calls"] for host in hosts)


def make_files(folder: Path, count: int, size: int) -> None:
    """Make the same tree each time, of contents that cannot be compressed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    contents = random.Random(count)  # noqa: S311 - no secret
    for number in range(count):
        path = folder / "tree" / f"{number // FOLDER_SIZE:03}" / f"{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.randbytes(size))
