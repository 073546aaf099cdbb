"""A module of Ansible that keeps its parameters to itself, and waits for nobody."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule


class QuietModule(AnsibleModule):
    """A module whose parameters don't get into the host's log, and whose commands read nothing that they are not given.

    Ansible masks a `no_log` parameter there, but no secret of several lines inside a list of dictionaries. Without
    pipelining it runs modules on a terminal, where a command with an empty input would wait for what is typed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the terminal away, if there is one."""
        super().__init__(*args, **kwargs)
        if os.isatty(0):
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)

    def _log_invocation(self) -> None:
        """Log nothing."""
