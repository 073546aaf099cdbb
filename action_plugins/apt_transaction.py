"""Action plugin: give the module the keys that are files on the control side."""

from __future__ import annotations

import base64
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Read each `file` of `keys`, relative to `keys_root`, and run the module with its content."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        root = arguments.pop("keys_root", "")
        arguments["keys"] = [_with_content(key, root) for key in arguments.get("keys", [])]
        return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}


def _with_content(key: dict[str, Any], root: str) -> dict[str, Any]:
    """Return a key with its content.

    Raises:
        AnsibleActionFail: its file cannot be read or is not text, or it has a content too.

    """
    who = f"the key {key['name']} ({key.get('origin', 'keys')})"
    if ("file" in key) == ("key" in key):
        raise AnsibleActionFail(f"{who} needs either key or file")
    if "key" in key:
        return key
    path = os.path.join(root, key["file"])
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise AnsibleActionFail(f"{who} cannot be read from {path}: {error.strerror}") from error
    try:
        text = content.decode() if b"-----BEGIN PGP" in content else base64.b64encode(content).decode()
    except UnicodeDecodeError:
        raise AnsibleActionFail(
            f"{who} is in ASCII armour, but not all of {path} is text in UTF-8: remove its comments"
        ) from None
    return {name: value for name, value in key.items() if name != "file"} | {"key": text}
