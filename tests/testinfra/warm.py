"""`ansible-playbook` in processes forked from one that has imported it, which is a third of what a small run costs."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from strata.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.process import BaseProcess
    from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")


def start(arguments: list[str], environment: Mapping[str, str], output: Path) -> BaseProcess:
    """Start `ansible-playbook`.

    Args:
        arguments: its arguments.
        environment: its environment; with other settings of Ansible than at the first start, it is imported anew.
        output: the file for what it prints. Not a pipe, which SSH's shared connection, which lives on, would keep open.

    """
    _CONTEXT.set_forkserver_preload(["strata.suite.imported"])
    process = _CONTEXT.Process(target=_run, args=(arguments, dict(environment), str(output)))
    process.start()
    return process


def _run(arguments: list[str], environment: dict[str, str], output: str) -> None:
    # Not imported by the process that starts runs, in which nothing of Ansible's is.
    from ansible import constants  # noqa: PLC0415
    from ansible.cli import playbook  # noqa: PLC0415

    os.chdir(ROOT)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    command = ["ansible-playbook", *arguments]
    if _settings(environment) != _settings(os.environ):
        os.execvpe(command[0], command, environment)
    os.environ.clear()
    os.environ.update(environment)
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    # The parent's would be shared by all runs, and so would what they keep there.
    constants.DEFAULT_LOCAL_TMP = tempfile.mkdtemp(prefix="ansible-local-")
    try:
        sys.exit(playbook.main(command))
    finally:
        with suppress(OSError):
            shutil.rmtree(constants.DEFAULT_LOCAL_TMP)


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("ANSIBLE_")}
