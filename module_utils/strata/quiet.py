"""A module of Ansible that keeps its parameters to itself, waits for nobody, and ends with a result or a sentence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import locks
from ansible.module_utils.strata.errors import StrataError, unforeseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


UMASK = 0o022


class QuietModule(AnsibleModule):
    """A module whose parameters don't get into the host's log, and whose commands read nothing that they are not given.

    Ansible masks a `no_log` parameter there, but no secret of several lines inside a list of dictionaries. Without
    pipelining it runs modules on a terminal, where a command with an empty input would wait for what is typed.
    """

    def __init__(self, argument_spec: dict[str, Any]) -> None:
        """Read the parameters, and take the terminal away, if there is one."""
        super().__init__(argument_spec, supports_check_mode=True)
        # What is made, also by commands, is for all to read, whatever the umask of logins is: apt, and services do.
        os.umask(UMASK)
        if os.isatty(0):
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)

    def _log_invocation(self) -> None:
        """Log nothing."""

    def run(self, command: Sequence[str], data: bytes = b"", **environment: str) -> tuple[int, str, str]:
        """Run a command that speaks English; see commands.Run."""
        environment = {"LC_ALL": "C.UTF-8", **environment}
        return self.run_command(list(command), data=data or None, binary_data=True, environ_update=environment)

    def end(
        self, subject: str, converge: Callable[[QuietModule], dict[str, Any]], patience: float | None = None
    ) -> NoReturn:
        """End with the result of `converge`, which works while no other run changes the subject, or with its error."""
        try:
            with locks.exclusive(subject, check_mode=self.check_mode, patience=patience):
                result = converge(self)
        except (StrataError, OSError) as error:
            self.fail_json(msg=str(error), **getattr(error, "result", {}))
        except Exception as error:  # noqa: BLE001 - nobody foresaw it, and its own text may be one bare word
            self.fail_json(msg=unforeseen(subject, error))
        self.exit_json(**result)


def result(changes: Sequence[str], diff: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the result of a module: what changed, as lines for people, the diff, and what else it has to say."""
    return {"changed": bool(changes), "changes": list(changes), "diff": diff, **more}
