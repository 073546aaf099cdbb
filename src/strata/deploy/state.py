"""What deploys keep: what each host was brought to, which are disabled, and which revision is to be deployed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from strata import whole
from strata.deploy.lock import now, written
from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class HostState:
    """What is known of a host.

    Attributes:
        revision: what it was brought to last, and its plan was empty after that; "" if it never was.
        begun: what a run began to bring it to and did not end well; "" if the last one did.
        success: when it was seen last to be as its revision says.
        failure: when it failed last.
        message: why it is not what is deployed, "" if it is.

    """

    revision: str = ""
    begun: str = ""
    success: str = ""
    failure: str = ""
    message: str = ""


@dataclass(frozen=True)
class Disabled:
    """A host that is left alone: why, since when, by whom, and until when, "" without an end."""

    reason: str
    since: str
    who: str
    until: str = ""

    @property
    def over(self) -> bool:
        """Whether its end has come."""
        return bool(self.until) and datetime.fromisoformat(self.until) <= datetime.fromisoformat(now())

    def __str__(self) -> str:
        """Return it as a table shows it."""
        return f"disabled by {self.who}{f' until {self.until}' if self.until else ''}: {self.reason}"


@dataclass(frozen=True)
class Hold:
    """What is deployed instead of the branch: a revision that was gone back to, or nothing at all."""

    revision: str
    since: str
    who: str

    def __str__(self) -> str:
        """Return it as a sentence says it."""
        what = f"rolled back to {self.revision[:12]}" if self.revision else "halted"
        return f"{what} by {self.who} at {self.since}; `strata deploy --resume` ends it"


@dataclass(frozen=True)
class Target:
    """Which hosts of which inventory there are in a revision."""

    revision: str
    inventory: str
    hosts: list[str]


class Store:
    """The files of a folder, each written as a whole or not at all, and read by nobody else."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder, and make it. Raises StrataError."""
        self.folder = folder
        with written(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def host(self, name: str) -> HostState:
        """Return what is known of a host. Raises StrataError."""
        return self._read(self._file("hosts", name), HostState) or HostState()

    def put_host(self, name: str, state: HostState) -> None:
        """Keep what is known of a host."""
        self._write(self._file("hosts", name), state)

    def keep_hosts(self, names: Iterable[str]) -> None:
        """Forget all hosts but these."""
        kept = {self._file(kind, name) for name in names for kind in ("hosts", "disabled")}
        for path in {*self.folder.glob("hosts/*.json"), *self.folder.glob("disabled/*.json")} - kept:
            path.unlink(missing_ok=True)

    def disabled(self) -> dict[str, Disabled]:
        """Return the hosts that are disabled, by name. Raises StrataError."""
        paths = {unquote(path.name.removesuffix(".json")): path for path in self.folder.glob("disabled/*.json")}
        found = {name: self._read(path, Disabled) for name, path in sorted(paths.items())}
        return {name: each for name, each in found.items() if each}

    def disable(self, name: str, disabled: Disabled) -> None:
        """Leave a host alone from now on."""
        self._write(self._file("disabled", name), disabled)

    def enable(self, name: str) -> None:
        """Leave a host alone no longer."""
        self._file("disabled", name).unlink(missing_ok=True)

    def hold(self) -> Hold | None:
        """Return what is deployed instead of the branch, if something is. Raises StrataError."""
        return self._read(self.folder / "hold.json", Hold)

    def put_hold(self, hold: Hold | None) -> None:
        """Deploy something else than the branch from now on, or the branch again."""
        if hold:
            self._write(self.folder / "hold.json", hold)
        else:
            (self.folder / "hold.json").unlink(missing_ok=True)

    def target(self) -> Target | None:
        """Return what the last run was for. Raises StrataError."""
        return self._read(self.folder / "target.json", Target)

    def put_target(self, target: Target) -> None:
        """Keep what a run is for."""
        self._write(self.folder / "target.json", target)

    def _file(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{quote(name, safe='')}.json"

    def _read(self, path: Path, kind: type[Kept]) -> Kept | None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name for field in fields(kind)}  # type: ignore[arg-type] # all of them are dataclasses
            return kind(**{name: value for name, value in found.items() if name in known})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise StrataError(
                f"{path}: cannot be read ({error}): remove it, and the next deploy makes it anew"
            ) from None

    def _write(self, path: Path, what: Any) -> None:
        write(path, json.dumps(asdict(what), indent=1) + "\n")


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file as a whole or not at all. Raises StrataError."""
    with written(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole.write(path, text.encode(), mode)
