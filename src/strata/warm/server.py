"""Forks runs of `ansible-playbook`, each from a process that has imported it with the same settings."""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from strata import processes
from strata.warm import client

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the names of variables begin with that are looked at by what is imported.
SETTINGS = ("ANSIBLE_", "COLUMNS", "HOME", "LANG", "LC_", "NO_COLOR", "PYTHON", "TZ")


def serve(path: str) -> None:
    """Answer requests at a socket, until who started this is gone: nobody reads its output any more.

    Settings that are asked for once are not worth an import, so the first to come with them is sent away.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    importers: dict[str, socket.socket | None] = {}
    events = select.poll()
    events.register(listener, select.POLLIN)
    events.register(sys.stdout, 0)
    while dict(events.poll()).keys() == {listener.fileno()}:
        connection, _ = listener.accept()
        descriptors = socket.recv_fds(connection, 1, 4)[1]
        request = _request(descriptors[-1])
        key = json.dumps(_settings(request))
        if key not in importers and not request["follow"]:
            importers[key] = None
            connection.sendall(b"%d\n" % client.NOTHING)
        else:
            importer = importers[key] = importers.get(key) or _importer(request)
            socket.send_fds(importer, [b"!"], [*descriptors, connection.fileno()])
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)


def _request(descriptor: int) -> dict[str, Any]:
    with open(descriptor, "rb", closefd=False) as stream:
        stream.seek(0)
        request: dict[str, Any] = json.load(stream)
    return request


def _settings(request: Mapping[str, Any]) -> list[object]:
    """Return what Ansible looks at when it is imported: variables, and the file of its settings."""
    environment = request["environment"]
    file = Path(request["folder"], environment.get("ANSIBLE_CONFIG", "ansible.cfg"))
    variables = sorted(item for item in environment.items() if item[0].startswith(SETTINGS))
    return [variables, str(file), file.read_text() if file.is_file() else ""]


def _importer(request: Mapping[str, Any]) -> socket.socket:
    """Start a process that imports Ansible with a request's settings and forks a run for each request that it gets."""
    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        return ours
    # What is open would seem to be still written to.
    os.closerange(sys.stderr.fileno() + 1, theirs.fileno())
    os.closerange(theirs.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["ansible-playbook"]
    from strata.warm import imported  # noqa: F401, PLC0415 - by this process, and not before

    gc.freeze()
    while descriptors := socket.recv_fds(theirs, 1, 5)[1]:
        if not os.fork():
            theirs.close()
            _keep(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
    os._exit(0)


def _keep(descriptors: list[int]) -> NoReturn:
    """Start a run, tell who asked for it what becomes of it, and kill it when they are gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, described, answers = descriptors
    request = _request(described)
    process = os.fork()
    if not process:
        os.close(described)
        os.close(answers)
        _run(request, streams)
    for stream in streams:
        os.close(stream)
    connection = socket.socket(fileno=answers)
    with suppress(OSError):
        connection.sendall(b"%d\n" % process)
    ended = os.pidfd_open(process)
    if ended not in select.select([ended, connection.fileno()], [], [])[0]:
        processes.kill_tree(process)
    _, status = os.waitpid(process, 0)
    with suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _run(request: Mapping[str, Any], streams: list[int]) -> NoReturn:
    """Be `ansible-playbook`."""
    from ansible import constants  # noqa: PLC0415
    from ansible.cli import playbook  # noqa: PLC0415

    os.setsid()
    os.chdir(request["folder"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    # The importer's would be shared by all runs, and so would what they keep there.
    constants.DEFAULT_LOCAL_TMP = tempfile.mkdtemp(prefix="ansible-local-")
    try:
        sys.exit(playbook.main(["ansible-playbook", *request["arguments"]]))
    finally:
        with suppress(OSError):
            shutil.rmtree(constants.DEFAULT_LOCAL_TMP)


if __name__ == "__main__":
    serve(sys.argv[1])
