"""What commands warn of though they accept: what means that files are not in force, and what is only to be shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible.module_utils.strata.service.declared import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

_WARNING = re.compile(
    r"\b(?<!no )(error|warn(ing)?|deprecated|obsolete|unsupported|ignor(ed|ing)|unused)\b", re.IGNORECASE
)
# Times and numbers of processes would make each run's warning another one.
_STAMP = re.compile(r"^\[\d+\] (\S+?)\[\d+:\d+\] ")


class Warnings:
    """The warnings of one run."""

    def __init__(self, fatal: Iterable[re.Pattern[str]]) -> None:
        """Take the patterns of lines that mean that the files are not in force."""
        self._fatal = list(fatal)
        #: Those to be shown.
        self.shown: list[str] = []

    def hear(self, command: str, said: str) -> None:
        """Take what a command said that accepted the files.

        Raises:
            ServiceError: it means that something is not in force as it is declared.

        """
        for line in (_STAMP.sub(r"\1: ", each.strip()) for each in said.splitlines()):
            if any(pattern.search(line) for pattern in self._fatal):
                raise ServiceError(f"{command} accepts what would not be in force as it is declared: {line}")
            text = f"{command} warns: {line}"
            if _WARNING.search(line) and text not in self.shown:
                self.shown.append(text)
