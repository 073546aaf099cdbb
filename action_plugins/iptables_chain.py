"""The firewall of a host from the control side: new rules stay only if they let a new SSH connection in."""

from __future__ import annotations

import copy
import difflib
import time
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.plugins.connection import ConnectionBase

#: Seconds that a host has after the rollback to answer again.
PATIENCE = 15

# The shared connection proves nothing: a firewall lets packets of known connections in.
NEW_CONNECTION = "-o ControlMaster=no -o ControlPath=none"


def changed_rules(diff: Iterable[Mapping[str, str]]) -> str:
    """Return the rules of a module's `diff` that were added and removed, in one line."""
    parts = []
    for entry in diff:
        if not entry["after_header"].endswith(" rules in force"):
            continue
        lines = difflib.unified_diff(entry["before"].splitlines(), entry["after"].splitlines(), n=0, lineterm="")
        words = {"+": "added", "-": "removed"}
        changes = [f"{words[line[0]]} {line[1:].strip()!r}" for line in list(lines)[2:] if line[0] in words]
        parts.append(f"{entry['after_header'].removesuffix(' in force')}: {', '.join(changes)}")
    return "; ".join(parts)


def new_connection(connection: ConnectionBase, timeout: int) -> ConnectionBase:
    """Return a connection to the same host that shares nothing with those that are open."""
    options = connection.get_options()
    fresh = copy.copy(connection)
    fresh.set_options(
        direct={
            **options,
            "ssh_args": f"{NEW_CONNECTION} {options['ssh_args'] or ''}",
            "reconnection_retries": 0,
            "timeout": min(options["timeout"], timeout),
        }
    )
    return fresh


class ActionModule(ActionBase):
    """Settle the rules in one remote call; when that changed them, confirm them in a second one."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        guarded = self._connection.transport == "ssh"
        if not guarded:
            arguments["rollback_delay"] = 0
        answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        if delay := answer.pop("unconfirmed", 0):
            answer = self._confirm(answer, delay, task_vars)
        elif answer.get("changed") and not guarded and not self._task.check_mode:
            answer.setdefault("warnings", []).append(
                f"the firewall was changed without a rollback: over the connection {self._connection.transport!r} "
                "nobody can confirm that the host still lets SSH in"
            )
        return result | answer

    def _confirm(self, answer: dict[str, Any], delay: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return the answer if the host lets us in and the rules are kept, else a failure once it does so again."""
        reason = "its confirmation came too late"
        deadline = time.monotonic() + delay + PATIENCE
        while time.monotonic() < deadline:
            try:
                said = self._ask_anew(delay, task_vars)
            except AnsibleConnectionFailure as error:
                reason = str(error)
                time.sleep(0.5)
                continue
            if said.get("confirmed"):
                return answer
            self._connection.reset()
            if said.get("failed"):
                return said
            now = "are back" if said["restored"] else "could not be put back (journalctl -u strata-iptables-rollback)"
            return self._failure(answer, f"the former ones {now}, and the host answers again", reason)
        self._connection.reset()
        return self._failure(answer, f"the host has not answered again for {delay + PATIENCE} s", reason)

    def _ask_anew(self, timeout: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the module says to a confirmation over a new connection."""
        shared = self._connection
        arguments = {key: value for key, value in self._task.args.items() if key == "chain"}
        self._connection = new_connection(shared, timeout)
        try:
            return self._execute_module(module_args={**arguments, "confirm": True}, task_vars=task_vars)
        finally:
            self._connection = shared

    @staticmethod
    def _failure(answer: dict[str, Any], outcome: str, reason: str) -> dict[str, Any]:
        rules = changed_rules(answer["diff"])
        return {
            "failed": True,
            "changed": False,
            "msg": f"the new rules let no new SSH connection in ({reason}): {outcome}; what locked us out: {rules}",
        }
