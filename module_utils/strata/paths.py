"""Where Strata keeps what is its own on a host."""

from __future__ import annotations

import os

_ROOT = os.geteuid() == 0
_HOME = os.path.expanduser("~/.local/state/strata")

#: What must outlive a run, and what may be lost at a reboot; of another user than root, both are in his home.
STATE = "/var/lib/strata" if _ROOT else _HOME
RUNTIME = "/run/strata"
CACHE = "/var/cache/strata"
LOCKS = "/run/strata-locks" if _ROOT else f"{_HOME}/locks"
OWED = f"{STATE}/owed"
#: What hosts say of themselves (Ansible's local facts).
FACTS = "/etc/ansible/facts.d"
#: How the names of files begin that are on their way to their places.
TEMPORARY = ".strata-"
