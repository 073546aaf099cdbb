"""The guard of new rules: a timer of the host puts the former ones back unless somebody confirms the new ones.

Confirming and putting back both begin with renaming one and the same file, so only one of them ever happens.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.netfilter import Change, FirewallError, transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.strata.netfilter_host import Host

UNIT = "strata-iptables-rollback"
PENDING = "/run/strata/iptables-rollback"
CONFIRMED = f"{PENDING}.confirmed"
RUNNING = f"{PENDING}.running"

NOTE = "# Note: "

SHORTEST, LONGEST = 5, 3600


def check_delay(delay: int) -> int:
    """Return the seconds until the former rules come back, 0 for no guard."""
    if delay and not SHORTEST <= delay <= LONGEST:
        raise FirewallError(f"rollback_delay: {delay} must be {SHORTEST} to {LONGEST} seconds, or 0 for no rollback")
    return delay


def script(chain: str, changes: Iterable[Change], note: str = "") -> str:
    """Return the shell script that undoes changes of rules, and removes itself when it could.

    It carries a `note` of one line for whoever confirms the rules, so that both have one fate.
    """
    lines = ["# Puts back the rules that were in force before Strata's last change.", f"{NOTE}{note}", "status=0"]
    for change in changes:
        lines.append(f"{change.family.prefix}-restore --noflush --wait=60 <<'END' || status=1")
        lines.append(transition(chain, change.after, change.before) + "END")
    return "\n".join([*lines, 'if [ $status = 0 ]; then rm "$0"; fi', "exit $status", ""])


def arm(host: Host, delay: int, text: str) -> None:
    """Start the timer that runs the script `text`; it is known to run before any rule is changed."""
    os.makedirs(os.path.dirname(PENDING), mode=0o700, exist_ok=True)
    files.apply([files.Change(PENDING, None, files.File(text.encode(), 0o600))])
    command = f"mv -f {shlex.quote(PENDING)} {shlex.quote(RUNNING)} && exec sh {shlex.quote(RUNNING)}"
    timer = [f"--unit={UNIT}", f"--on-active={delay}s", "--timer-property=AccuracySec=100ms"]
    try:
        host.checked(["systemd-run", "--quiet", "--collect", *timer, "sh", "-c", command])
    except FirewallError:
        os.unlink(PENDING)
        raise


def claim(name: str) -> bool:
    """Take the decision about the pending change; tell whether it was still to be taken."""
    try:
        os.rename(PENDING, name)
    except FileNotFoundError:
        return False
    return True


def note() -> str:
    """Return the note of the change that has just been confirmed."""
    with open(CONFIRMED, encoding="utf-8") as stream:
        return next((line.removeprefix(NOTE).rstrip("\n") for line in stream if line.startswith(NOTE)), "")


def require_pending(delay: int) -> None:
    """Raise FirewallError unless the former rules can still come back by themselves."""
    if not os.path.exists(PENDING):
        raise FirewallError(f"it took longer than rollback_delay, {delay} s, to put rules in force")


def disarm(host: Host) -> None:
    """Stop the timer, whose decision has been taken or is no longer wanted."""
    for path in (PENDING, CONFIRMED):
        if os.path.exists(path):
            os.unlink(path)
    host.run(["systemctl", "stop", f"{UNIT}.timer"])  # it fails when the timer has just elapsed, which does no harm


def wait(host: Host) -> bool:
    """Wait for a rollback that is under way; tell whether the last one went well."""
    while os.path.exists(RUNNING) and host.run(["systemctl", "is-active", "--quiet", f"{UNIT}.service"])[0] == 0:
        time.sleep(0.1)
    return not os.path.exists(RUNNING)


def withdraw(host: Host) -> bool:
    """Put the former rules back at once, if nobody has decided yet; tell whether that was so."""
    if not claim(RUNNING):
        return False
    host.run(["systemctl", "stop", f"{UNIT}.timer"])
    host.checked(["sh", RUNNING])
    return True


def settle(host: Host) -> bool:
    """End a change that an earlier run left without a decision; tell whether that put rules back."""
    if withdraw(host):
        return True
    if not wait(host):
        os.unlink(RUNNING)  # it failed; what the kernel has is what this run starts from
    return False
