"""Callback plugin: write what a run did on each host, and with how many remote calls, to a JSON file."""

from __future__ import annotations

import collections
import functools
import json
import multiprocessing
import os
import tempfile
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import connection_loader

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = """
name: run_record
type: notification
author: Strata contributors
short_description: Write what a run did on each host to a JSON file
description:
  - Counts the remote calls (commands and file transfers over SSH) of each host in each play.
  - Does nothing unless a file or a folder is named.
options:
  path:
    description: The file to write.
    type: path
    env:
      - name: STRATA_RUN_RECORD
  folder:
    description: A folder in which each run writes a file, named by its number and its playbook.
    type: path
    env:
      - name: STRATA_RUN_RECORDS
"""

COUNTED = ("exec_command", "put_file", "fetch_file")


class CallbackModule(CallbackBase):
    """See DOCUMENTATION.

    A remote call happens in a worker process, where no callback sees it. So the methods of the SSH connection are
    wrapped before the workers are forked, and each call appends its host's name to a file that all of them inherit.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "run_record"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Read the options, and start counting if a file is named."""
        super().set_options(*args, **kwargs)
        self._path, self._folder = self.get_option("path"), self.get_option("folder")
        self.disabled = not (self._path or self._folder)
        if self.disabled:
            return
        self._plays: list[dict[str, Any]] = []
        self._check_mode = False
        self._tally = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the run
        connection = connection_loader.get("ssh", class_only=True)
        for name in COUNTED:
            setattr(connection, name, _counting(getattr(connection, name), self._tally.fileno()))

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Note which playbook is run."""
        self._playbook = os.path.basename(playbook._file_name)  # noqa: SLF001 - it has no public name

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Open the record of a play."""
        self._close_play()
        self._check_mode = play.check_mode
        self._plays.append({"play": play.get_name(), "hosts": collections.defaultdict(_empty)})

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count a task that went well, and keep the result of a fingerprint."""
        host = self._host(result)
        host["ok"] += 1
        if result.result.get("changed"):
            host["changed"].append(result.task.get_name())
        if "fingerprint" in result.result:
            host["fingerprint"] = result.result["fingerprint"]

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Count a task that failed."""
        if not ignore_errors:
            self._host(result)["failed"].append(result.task.get_name())

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that cannot be reached."""
        self._host(result)["unreachable"] = True

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the record."""
        del stats
        self._close_play()
        path = self._path
        if not path:
            os.makedirs(self._folder, exist_ok=True)
            name = os.path.splitext(self._playbook)[0]
            path = os.path.join(self._folder, f"{len(os.listdir(self._folder)):02d}-{name}.json")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump({"playbook": self._playbook, "check": self._check_mode, "plays": self._plays}, stream, indent=1)

    def _host(self, result: Any) -> dict[str, Any]:
        host: dict[str, Any] = self._plays[-1]["hosts"][result.host.get_name()]
        return host

    def _close_play(self) -> None:
        """Add the calls since the last play to the play that made them."""
        self._tally.seek(0)
        names = self._tally.read().decode().split()
        self._tally.seek(0)
        self._tally.truncate()
        for name, calls in collections.Counter(names).items():
            self._plays[-1]["hosts"][name]["calls"] += calls


def _empty() -> dict[str, Any]:
    return {"ok": 0, "changed": [], "failed": [], "unreachable": False, "calls": 0}


def _counting(method: Callable[..., Any], tally: int) -> Callable[..., Any]:
    @functools.wraps(method)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        worker: Any = multiprocessing.current_process()
        host = worker._host.get_name()  # noqa: SLF001 - the host that it works for, whatever its address
        os.write(tally, f"{host}\n".encode())
        return method(self, *args, **kwargs)

    return counted
