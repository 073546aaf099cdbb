"""Callback plugin for tests: write each call of a module, with the arguments that are sent, as a line of JSON.

`first` says whether it is the first one of a task for an item: what plugins do after that depends on the answer.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader

DOCUMENTATION = """
name: module_calls
type: notification
author: Strata contributors
short_description: Write each call of a module, with the arguments that are sent
description:
  - Secrets stand in the file, which is for tests.
options:
  path:
    description: The file to append to.
    type: path
    env:
      - name: STRATA_MODULE_CALLS
  stub:
    description: Whether modules are not called but taken to say that nothing changes, and hosts not asked for facts.
    type: bool
    default: false
    env:
      - name: STRATA_MODULE_STUB
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "module_calls"

    def set_options(self, *args, **kwargs):
        """Have workers, which inherit the file, write to it what they make a module of."""
        super().set_options(*args, **kwargs)
        path = self.get_option("path")
        if path:
            calls = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            ActionBase._configure_module = recording(ActionBase._configure_module, calls)
        if self.get_option("stub"):
            ActionBase._execute_module = unchanged
            action_loader.get("preflight", class_only=True)._gather = lambda _: {}


def unchanged(self, module_name=None, module_args=None, task_vars=None, **_):
    """Record a call, and say that nothing changes."""
    args = dict(self._task.args if module_args is None else module_args)
    with contextlib.suppress(NotImplementedError):
        self._configure_module(module_name or self._task.action, args, task_vars or {})
    return {"changed": False, "projects": {"declared": 0}, "undeclared": []}


def recording(configure, calls):
    @functools.wraps(configure)
    def recorded(self, module_name, module_args, task_vars):
        first, self.was_called = not getattr(self, "was_called", False), True
        call = {
            "first": first,
            "host": task_vars["inventory_hostname"],
            "task": self._task.get_path(),
            "role": self._task._role.get_name() if self._task._role else "",
            "module": module_name,
            "become": self._play_context.become_user or "root" if self._play_context.become else "",
            "environment": self._task.environment,
            "delegate_to": self._task.delegate_to,
            "args": {name: value for name, value in module_args.items() if not name.startswith("_ansible_")},
        }
        os.write(calls, (json.dumps(call, default=str) + "\n").encode())
        return configure(self, module_name, module_args, task_vars)

    return recorded
