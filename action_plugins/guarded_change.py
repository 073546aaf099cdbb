"""What actions share whose change may lock us out: it stays only if it lets a new SSH connection in."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

if TYPE_CHECKING:
    from ansible.plugins.connection import ConnectionBase

SSH_PORT = 22

#: Seconds that a host has after the rollback to answer again.
PATIENCE = 15

# The shared connection proves nothing: a firewall lets packets of known connections in, and sshd knows its client.
NEW_CONNECTION = "-o ControlMaster=no -o ControlPath=none"

display = Display()


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
    """Make the change in one remote call; when the module leaves it unconfirmed, confirm it in a second one.

    The module takes `rollback_delay` (seconds), `confirm` and `change`, and returns `unconfirmed` (seconds until its
    host undoes the change by itself), `change` (its name) and `blame` (what is in it, as one line) or, when it is asked
    to confirm that, `confirmed` and `restored`. Its answer may get lost: asked again about one change, it gives the
    same one.
    """

    #: The arguments that tell the module which change it shall confirm.
    SUBJECT: tuple[str, ...] = ("name",)
    #: Whether the module guards its change when the task has no `rollback_delay`.
    GUARDED = False
    #: What is changed, in messages.
    CHANGED = "files"
    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    _connection: ConnectionBase

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        return result | self._change(self._prepare(dict(self._task.args)))

    def _prepare(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the module's arguments, made of the task's."""
        return arguments

    def _change(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the module's result, confirmed if it needs that."""
        self._over_ssh = self._connection.transport == "ssh"
        unguarded = not (self._over_ssh or self._can_be_confirmed_by_others())
        wanted = arguments.get("rollback_delay", self.GUARDED)
        if unguarded:
            arguments["rollback_delay"] = 0
        answer = self._execute_module(module_args=arguments, task_vars=self._vars)
        self._name = answer.pop("change", "")
        self._changed = answer.pop("blame", "")
        if delay := answer.pop("unconfirmed", 0):
            return self._confirm(answer, delay)
        if wanted and unguarded and answer.get("changed") and not self._task.check_mode:
            display.warning(
                f"{self._subject()} was changed without a rollback: over the connection "
                f"{self._connection.transport!r} nobody can confirm that the host still lets SSH in{self._advice()}"
            )
        return answer

    def _subject(self) -> str:
        """Return what is changed, for a message."""
        return str(self._task.args["name"])

    def _advice(self) -> str:
        """Return what the user can do for a confirmation that proves more."""
        return ""

    def _can_be_confirmed_by_others(self) -> bool:
        """Tell whether somebody else than the control side's own connection can confirm."""
        return False

    def _refusal(self, delay: int) -> str:  # noqa: ARG002
        """Return why the change must not stay, whatever the control side's own connection says; nothing if it may."""
        return ""

    def _doubt(self) -> None:
        """Warn if the control side's own connection, which was let in, proves little."""

    def _blame(self, answer: dict[str, Any]) -> str:  # noqa: ARG002
        """Return which parts of the change may have locked us out, with the parameters that they come from."""
        port = (self._over_ssh and self._connection.get_option("port")) or SSH_PORT
        user = self._connection.get_option("remote_user") if self._over_ssh else None
        login = f"as {user}" if user else "as the user who runs it"
        return f"{self._changed}; Ansible logs in {login} at tcp port {port}: change what keeps that out"

    def _confirm(self, answer: dict[str, Any], delay: int) -> dict[str, Any]:
        """Return the answer if the host lets us in and the change is kept, else a failure once it does so again."""
        deadline = time.monotonic() + delay + PATIENCE
        refusal = self._refusal(delay)
        reason = refusal or "its confirmation came too late"
        while time.monotonic() < deadline:
            try:
                said = self._ask_anew(delay, confirm=not refusal)
            except AnsibleConnectionFailure as error:
                reason = refusal or str(error)
                time.sleep(0.5)
                continue
            if said.get("confirmed"):
                self._doubt()
                return answer
            self._reset()
            if said.get("failed"):
                return said
            now = "are back" if said["restored"] else f"could not be restored (journalctl -u {said['unit']})"
            return self._failure(answer, f"the former ones {now}, and the host answers again", reason)
        self._reset()
        return self._failure(answer, f"the host has not answered again for {delay + PATIENCE} s", reason)

    def _ask_anew(self, timeout: int, *, confirm: bool) -> dict[str, Any]:
        """Return what the module says, over a new connection, when it shall keep the change or roll it back."""
        shared = self._connection
        arguments = {key: value for key, value in self._task.args.items() if key in self.SUBJECT}
        if self._over_ssh:
            self._connection = new_connection(shared, timeout)
        try:
            decision = {"confirm": confirm, "change": self._name}
            return self._execute_module(module_args={**arguments, **decision}, task_vars=self._vars)
        finally:
            self._connection = shared

    def _reset(self) -> None:
        """Give up the shared connection, which the change may have cut."""
        if self._over_ssh:
            self._connection.reset()

    def _failure(self, answer: dict[str, Any], outcome: str, reason: str) -> dict[str, Any]:
        return {
            "failed": True,
            "changed": False,
            "warnings": answer.get("warnings", []),
            "msg": f"the new {self.CHANGED} let no new SSH connection in ({reason}): {outcome}; what locked us out: "
            f"{self._blame(answer)}",
        }
