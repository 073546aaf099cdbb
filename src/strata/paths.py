"""Where things are: the checkout, and the state that it keeps beside itself."""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".strata"
REPORTS = STATE / "reports"

#: The programs of the environment that runs this: ansible-playbook, molecule and the rest.
BIN = Path(sys.executable).parent

#: Tells the hosts, networks and sockets of a checkout from those of others on the same machine; copies that share its
#: state share its hosts.
CHECKOUT = hashlib.sha256(str(STATE.resolve().parent).encode()).hexdigest()[:8]


def shown(path: Path) -> str:
    """Return a path as messages name it: relative to the checkout where it is inside."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
