"""The package lists of a host, which apt-get update fetches."""

from __future__ import annotations

import os
import re
import time

FOLDER = "/var/lib/apt/lists"
LOCK = f"{FOLDER}/lock"
STAMP = "/var/lib/apt/periodic/update-success-stamp"


def age() -> float:
    """Return how many seconds ago they were updated, infinity if there are none."""
    if not os.path.isdir(FOLDER) or not any(re.search("_(In)?Release$|_Packages", name) for name in os.listdir(FOLDER)):
        return float("inf")
    # apt gives the lists the archive's times, but every update makes files in partial/ and takes them out again.
    paths = (FOLDER, os.path.join(FOLDER, "partial"), STAMP)
    return time.time() - max(os.stat(path).st_mtime for path in paths if os.path.exists(path))
