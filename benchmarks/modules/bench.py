"""How long a hundred modules take: Strata's sync beside one after another, from bare repositories by the git protocol.

Both sides use the same server on this machine and the same settings of git. Nothing is removed before the end, as ext4
makes files more slowly where many were removed shortly before.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strata.paths import ROOT, STATE
from strata.tables import show
from strata.vendored.git import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDERS = ("tasks", "templates", "files", "defaults", "handlers", "meta")
FILES = [f"{folder}/f{number}.yml" for folder in FOLDERS for number in range(5)]
PATIENCE = 10


def make_repository(folder: Path, seed: int, commits: int) -> None:
    """Make a bare repository of 30 files, whose history changes two lines in each commit; its newest is tagged 1.0."""
    subprocess.run(["git", "init", "-q", "--bare", folder], env=environment(), check=True)
    values = random.Random(seed)  # noqa: S311 - no secret
    files = {path: [values.randbytes(24).hex() for _ in range(values.randint(10, 80))] for path in FILES}
    stream = []
    for number in range(commits):
        changed = FILES if number == 0 else values.sample(FILES, 2)
        for path in changed:
            files[path][values.randrange(len(files[path]))] = f"changed by {number}"
        stream.append(
            f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1_400_000_000 + number} +0000\ndata 0\n"
        )
        for path in changed:
            text = "\n".join(files[path])
            stream.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    stream.append("reset refs/tags/1.0\nfrom refs/heads/main\n\nreset HEAD\nfrom refs/heads/main\n\n")
    program = ["git", "fast-import", "--quiet", "--force"]
    subprocess.run(program, cwd=folder, env=environment(), input="".join(stream).encode(), check=True)
    subprocess.run(["git", "symbolic-ref", "HEAD", "refs/heads/main"], cwd=folder, env=environment(), check=True)


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the repositories of a folder by the git protocol, and give the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = subprocess.run(["git", "--exec-path"], stdout=subprocess.PIPE, text=True, check=True)
    program = Path(found.stdout.strip()) / "git-daemon"
    where = ["--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={folder}", "--max-connections=0"]
    with subprocess.Popen([program, "--export-all", *where], env=environment(), stderr=subprocess.DEVNULL) as daemon:
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield port
        finally:
            daemon.terminate()


def timed(*command: str | Path, **settings: str) -> float:
    """Return the seconds that a command takes."""
    start = time.monotonic()
    subprocess.run(command, env=environment() | settings, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def sides(folder: Path) -> dict[str, Callable[[int], tuple[float, float]]]:
    """Return the sides: each takes the number of the turn, and gives the seconds of a fresh run and of a second one."""
    modules = folder / "modules.env"

    def strata(turn: int) -> tuple[float, float]:
        own = folder / f"strata-{turn}"
        own.mkdir()
        for name in ("modules.env", "modules.lock"):
            (own / name).write_text((folder / name).read_text())
        command = (ROOT / "bin/strata", "modules", "sync", "--file", own / "modules.env")
        return timed(*command), timed(*command)

    def one_by_one(turn: int, **settings: str) -> tuple[float, float]:
        own = folder / f"serial-{turn}-{len(settings)}"
        command = (Path(__file__).with_name("install_modules.sh"), modules, own)
        return timed(*command, **settings), timed(*command, **settings)

    return {
        "strata": strata,
        "one-by-one": one_by_one,
        "one-by-one, depth 1": lambda turn: one_by_one(turn, DEPTH="1"),
    }


@click.command()
@click.option("--modules", default=100, show_default=True)
@click.option("--commits", default=100, show_default=True, help="In the history of each module.")
@click.option("--runs", default=5, show_default=True, help="Of each side.")
def main(modules: int, commits: int, runs: int) -> None:
    """Measure the sides in turn, and print the tables."""
    (STATE / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="modules-", dir=STATE / "bench") as name:
        folder = Path(name)
        for number in range(modules):
            make_repository(folder / f"server/ansible-m{number}", number, commits)
        with served(folder / "server") as port:
            urls = [f"git://127.0.0.1:{port}/ansible-m{number}" for number in range(modules)]
            (folder / "modules.env").write_text("".join(f'SOURCE_MODULES["{url}"]="1.0"\n' for url in urls))
            timed(ROOT / "bin/strata", "modules", "lock", "--file", folder / "modules.env")
            taken: dict[str, list[tuple[float, float]]] = {}
            for turn in range(runs):
                for side, run in sides(folder).items():
                    fresh, second = run(turn)
                    taken.setdefault(side, []).append((fresh, second))
                    click.echo(f"{side}: {fresh:.2f} s, then {second:.2f} s", err=True)
    click.echo(f"{modules} modules of {len(FILES)} files and {commits} commits, {os.cpu_count()} cores")
    for at, what in enumerate(("fresh", "nothing new")):
        seconds = {side: [times[at] for times in given] for side, given in taken.items()}
        show((what, "runs", "median s", "min-max s", "ratio"), rows(seconds))


def rows(seconds: dict[str, list[float]]) -> Iterator[tuple[object, ...]]:
    """Give the lines of a table; the ratio compares the medians with that of the first side."""
    reference = statistics.median(next(iter(seconds.values())))
    for side, taken in seconds.items():
        middle = statistics.median(taken)
        yield side, len(taken), f"{middle:.2f}", f"{min(taken):.2f}-{max(taken):.2f}", f"{middle / reference:.1f}"


if __name__ == "__main__":
    main()
