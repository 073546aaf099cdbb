"""`ansible-playbook` in processes forked from one that has imported it, which is half of what a small run costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from strata import processes
from strata.warm import client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def environment(path: str) -> Iterator[dict[str, str]]:
    """Give the variables with which programs find an `ansible-playbook` that starts sooner, while the block lasts.

    Args:
        path: the folders in which programs are looked for besides.

    Raises:
        Interrupted: a signal has come.

    """
    with tempfile.TemporaryDirectory(prefix="strata-warm-") as folder:
        server = f"{folder}/socket"
        program = Path(folder) / "ansible-playbook"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {client.__file__} {server} "$@"\n')
        program.chmod(0o700)
        command = [sys.executable, "-P", "-m", "strata.warm.server", server]
        with processes.started(command, stdout=subprocess.PIPE) as process:
            try:
                next(iter(process.stdout or ()))
                yield {"PATH": f"{folder}:{path}", client.VARIABLE: server}
            finally:
                processes.end(process)


def start(arguments: list[str], variables: Mapping[str, str], output: Path) -> client.Run:
    """Start `ansible-playbook` where `environment` lasts.

    Args:
        arguments: its arguments.
        variables: its environment.
        output: the file for what it prints. Not a pipe, which SSH's shared connection, which lives on, would keep open.

    """
    with output.open("wb") as printed, Path(os.devnull).open("rb") as nothing:
        streams = [nothing.fileno(), printed.fileno(), printed.fileno()]
        return client.Run(os.environ[client.VARIABLE], arguments, dict(variables), streams, follow=True)
