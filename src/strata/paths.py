"""Where things are: the checkout, and the state that it keeps beside itself."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".strata"
REPORTS = STATE / "reports"

#: Tells the hosts, networks and sockets of one checkout from those of another on the same machine.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
