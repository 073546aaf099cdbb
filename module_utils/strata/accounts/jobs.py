"""What the system runs for a user who is not there, and would run for the next one of that name or number."""

from __future__ import annotations

import contextlib
import os

from ansible.module_utils.strata import folders

#: Folders with a file for each user, under the name.
NAMED = ("/var/spool/cron/crontabs", "/var/lib/systemd/linger")
#: With a file for each job, which belongs to the user.
OWNED = "/var/spool/cron/atjobs"


def find(name: str, uid: int | None) -> list[str]:
    """Return the paths of a user's crontab, leave for services without a login, and, by uid if any, jobs of `at`."""
    found = [path for path in (f"{folder}/{name}" for folder in NAMED) if os.path.lexists(path)]
    if uid is not None and os.path.isdir(OWNED):
        with os.scandir(OWNED) as entries:
            for entry in entries:
                # One that has run meanwhile is gone.
                with contextlib.suppress(FileNotFoundError):
                    found += [entry.path] if entry.stat(follow_symlinks=False).st_uid == uid else []
    return sorted(found)


def remove(paths: list[str]) -> None:
    """Remove these files. Raises OSError."""
    for path in paths:
        with folders.holding(path) as (folder, name):
            folders.clear(name, folder)
            os.fsync(folder)
