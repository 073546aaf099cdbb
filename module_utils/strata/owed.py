"""Work that a run owes until it is done: on the disk before the first change, so that the next run does it."""

from __future__ import annotations

import contextlib
import os

from ansible.module_utils.strata import files, paths


class Owed:
    """What is owed for one subject of a host, in any form that its module understands."""

    def __init__(self, name: str, folder: str | None = None) -> None:
        """Take the name of the file, and its folder if that is not the one of all that must outlive a reboot."""
        self.path = os.path.join(folder or paths.OWED, name)

    def read(self) -> bytes | None:
        """Return what a run that was killed owes, None for nothing."""
        state = files.read(self.path)
        return state.content if isinstance(state, files.File) else None

    def note(self, content: bytes) -> None:
        """Owe this from now on. Raises OSError; then what was owed before still is."""
        files.apply([files.Change(self.path, None, files.File(content, 0o600, os.geteuid(), os.getegid()))])

    def forget(self) -> None:
        """Owe nothing any more."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.path))
