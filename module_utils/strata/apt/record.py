"""What earlier runs made on this host, and what a run that was killed owes."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.files import Change, File
from ansible.module_utils.strata.owed import Owed

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Record:
    """What earlier runs made on this host, so that it goes when it is declared no longer.

    `begun` is what Begun keeps, as former versions wrote it here: it is read, and no longer written.
    """

    files: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    begun: tuple[str, ...] | None = None

    @classmethod
    def read(cls) -> Record:
        """Return the record of this host.

        Raises:
            AptError: it is damaged.

        """
        state = files.read(_path())
        if not isinstance(state, File):
            return cls()
        try:
            return cls.parse(state.content)
        except ValueError as error:
            raise AptError(
                f"{_path()}, the list of what earlier runs made, is damaged ({error}): restore it, or remove it and, "
                f"by hand, those files in /etc/apt that are declared no longer"
            ) from None

    @classmethod
    def parse(cls, content: bytes) -> Record:
        """Return the record that a file holds.

        Raises:
            ValueError: it holds none.

        """
        known = json.loads(content)
        if not isinstance(known, dict) or known.keys() - {each.name for each in fields(cls)}:
            raise ValueError("it holds something else")
        for what, names in known.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{what} is not a list of names")
        return cls(**{what: tuple(names) for what, names in known.items()})

    def changes(self) -> list[Change]:
        """Return the change that keeps it on this host, if there is one; an empty record is no file."""
        known = {"files": self.files, "held": self.held}
        if self.architectures:  # without, it stays as former versions wrote it
            known["architectures"] = self.architectures
        content = json.dumps(known, indent=1).encode() + b"\n"
        return files.plan({_path(): File(content) if any(known.values()) else None})


class Begun:
    """The new packages of a transaction of this host that has not ended: dpkg's work on them is owed."""

    def __init__(self, record: Record) -> None:
        """Read them: `packages` is None if all transactions have ended."""
        self._owed = Owed("apt")
        content = self._owed.read()
        self.packages = record.begun if content is None else tuple(content.decode(errors="replace").split())

    def note(self, packages: Iterable[str]) -> None:
        """Note on the disk, before dpkg is at work, which new packages it is to bring."""
        self._owed.note("".join(f"{name}\n" for name in sorted(packages)).encode())

    def end(self) -> None:
        """Note that all is done."""
        self._owed.forget()


def _path() -> str:
    return f"{paths.STATE}/apt.json"
