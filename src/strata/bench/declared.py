"""The benchmarks that there are: folders of benchmarks/ with the sides that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.errors import StrataError, UsageError
from strata.paths import ROOT
from strata.repository.source import Source

FOLDER = ROOT / "benchmarks"
RUNS = 5


@dataclass(frozen=True)
class Side:
    """One of the means: a playbook, or a command of this machine.

    `prepare` is a playbook that runs once before; `plain` runs Ansible without Strata's plugins that make it faster.
    """

    name: str
    playbook: Path | None = None
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    prepare: Path | None = None
    plain: bool = False
    runs: int = RUNS


@dataclass(frozen=True)
class Benchmark:
    """A folder of benchmarks/, for one or more `hosts` a side.

    Where `count` is set, a tree of so many files of `size` bytes is made for it.
    """

    name: str
    description: str
    sides: tuple[Side, ...]
    image: str = "debian-13"
    hosts: int = 1
    count: int = 0
    size: int = 0
    note: str = ""

    def hosts_of(self, side: Side) -> list[str]:
        """Return the names of a side's hosts."""
        return [f"{side.name}{number}" for number in range(1, self.hosts + 1)]


def names() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(path.parent.name for path in FOLDER.glob("*/bench.yml"))


def load(name: str) -> Benchmark:
    """Read a benchmark.

    Raises:
        UsageError: there is none of this name.
        StrataError: it is not one.

    """
    if name not in names():
        raise UsageError(f"there is no benchmark {name!r}: choose from {', '.join(names())}")
    folder = FOLDER / name
    text = Source(ROOT, folder / "bench.yml").load()
    where = f"benchmarks/{name}/bench.yml"
    try:
        sides = tuple(_side(folder, side, given) for side, given in text.pop("sides").items())
        files = text.pop("files", {})
        found = Benchmark(name=name, sides=sides, **text, **files)
    except (AttributeError, KeyError, TypeError) as error:
        raise StrataError(f"{where}: is not a benchmark: {error}") from None
    for side in sides:
        if bool(side.playbook) == bool(side.command):
            raise StrataError(f"{where}: {side.name} needs either a playbook or a command")
        for path in (side.playbook, side.prepare):
            if path and not path.is_file():
                raise StrataError(f"{where}: {side.name}: there is no file {path}")
    return found


def _side(folder: Path, name: str, given: Mapping[str, Any]) -> Side:
    paths = {key: (folder / given[key]).resolve() for key in ("playbook", "prepare") if key in given}
    lists = {key: tuple(given.get(key, ())) for key in ("command", "options")}
    return Side(**{**given, **paths, "name": name, **lists})
