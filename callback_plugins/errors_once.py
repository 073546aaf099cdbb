"""Callback plugin: print as Ansible does, each error once."""

from __future__ import annotations

import re
from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: errors_once
type: stdout
author: Strata contributors
short_description: Print as Ansible does, each error once
description:
  - Prints as C(ansible.builtin.default) does, which has the same options, but of an error only the result of the task,
    which has the same message; C(origin) in it says where in the playbook or role an error of Ansible's own comes from.
  - With C(-vvv), all is printed, with tracebacks.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

#: What a message of Ansible's own begins with; those of modules and actions say themselves where they come from.
OF_ANSIBLE = "Task failed: "
ORIGIN = re.compile(r"Origin: (\S.*)")
DEBUGGING = 3


class CallbackModule(Default):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "errors_once"

    def _handle_exception(self, result: Any, use_stderr: bool = False) -> None:
        """Leave out what the result says too."""
        if self._display.verbosity >= DEBUGGING:
            super()._handle_exception(result, use_stderr=use_stderr)
        elif result.pop("exception", None) and str(result.get("msg", "")).startswith(OF_ANSIBLE):
            error = self._current_task_result.exception
            result.update(_origin(getattr(error, "event", None)))


def _origin(event: Any) -> dict[str, str]:
    """Return the file and line of an error's first cause."""
    found = {}
    while event:
        if match := ORIGIN.match(event.formatted_source_context or ""):
            found = {"origin": match[1]}
        event = event.chain.event if event.chain else None
    return found
