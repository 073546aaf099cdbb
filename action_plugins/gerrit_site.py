"""The whole Gerrit of a host, from the control side: send the files that only this side has, if the host lacks them."""

from __future__ import annotations

import hashlib
import os
import shlex
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

#: The most that is sent at once as a command's input.
PART = 64 << 20


class ActionModule(ActionBase):
    """Compare in a first remote call; if the host lacks files that are here, send them and call once more."""

    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        sent: dict[str, str] = {}
        arguments = dict(self._task.args)
        if isinstance(arguments.get("war"), dict):
            arguments["war"] = self._hashed("gerrit_war", arguments["war"], sent)
        for kind in ("plugins", "libs"):
            each = arguments.get(kind)
            if isinstance(each, list) and all(isinstance(item, dict) for item in each):
                arguments[kind] = [self._hashed(f"gerrit_{kind}: {item.get('name')}", item, sent) for item in each]
        answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        if missing := answer.get("missing"):
            for digest in missing:
                self._send(sent[digest], os.path.join(answer["folder"], digest))
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
            if damaged := [sent[digest] for digest in answer.get("missing", ())]:
                raise AnsibleActionFail(f"{', '.join(damaged)}: damaged on the way to the host: run it again")
        return result | answer

    def _hashed(self, what: str, item: dict[str, Any], sent: dict[str, str]) -> dict[str, Any]:
        """Return a file's declaration without its path, which is noted in `sent` under its hash.

        Raises:
            AnsibleActionFail: it is not one file, or another one than is declared.

        """
        if sum(bool(item.get(key)) for key in ("url", "path", "core")) != 1:
            choices = "url or path" if "name" not in item else "url, path or core (plugins only)"
            raise AnsibleActionFail(f"{what}: needs one of {choices}")
        rest = {key: value for key, value in item.items() if key != "path"}
        if not item.get("path"):
            return rest
        path = self._loader.path_dwim(item["path"])
        try:
            with open(path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise AnsibleActionFail(f"{what}: {path}: {error.strerror}") from error
        wanted = item.get("sha256")
        if wanted and str(wanted).lower() != digest:
            raise AnsibleActionFail(f"{what}: {path} has the sha256 {digest}, not {wanted} as declared")
        sent[digest] = path
        return {**rest, "sha256": digest}

    def _send(self, path: str, to: str) -> None:
        """Upload a file to the host's cache. Raises AnsibleActionFail."""
        place, unfinished = shlex.quote(to), shlex.quote(f"{to}.new")
        folder = shlex.quote(os.path.dirname(to))
        above = shlex.quote(os.path.dirname(os.path.dirname(to)))
        # The folder that others share is as the module would make it, whatever the login's umask is.
        start = f"umask 022 && mkdir -p {above} && umask 077 && mkdir -p {folder} && : >{unfinished} && "
        with open(path, "rb") as stream:
            for data in iter(lambda: stream.read(PART), b""):
                command = f"{start}cat >>{unfinished} || {{ rm -f {unfinished}; cat >/dev/null; false; }}"
                self._remote(command, data, path)
                start = ""
        self._remote(f"mv -f {unfinished} {place}", None, path)

    def _remote(self, command: str, data: bytes | None, path: str) -> None:
        done = self._low_level_execute_command(command, in_data=data)
        if done["rc"]:
            raise AnsibleActionFail(f"{path} cannot be sent: {(done['stderr'] or done['stdout']).strip()}")
