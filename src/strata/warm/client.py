"""Asks the server for a run of `ansible-playbook`; the program of that name is this file, which imports little."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys

#: The variable that names the server's socket, for those that ask it themselves.
VARIABLE = "STRATA_WARM"

#: What the server says instead of a process: it has not imported anything for such settings.
NOTHING = 0


class Run:
    """A run in a process that is not ours, which ends with this one."""

    def __init__(
        self, server: str, arguments: list[str], environment: dict[str, str], streams: list[int], *, follow: bool
    ) -> None:
        """Start it.

        Args:
            server: the path of the server's socket.
            arguments: those of `ansible-playbook`.
            environment: its environment.
            streams: the descriptors of its standard input, output and errors.
            follow: whether others with the same settings are sure to follow.

        """
        request = os.memfd_create("request")
        with open(request, "w+b", closefd=False) as stream:
            mask = os.umask(0)
            os.umask(mask)
            place = {"folder": os.getcwd(), "umask": mask}  # noqa: PTH109 - pathlib takes longer than all the rest
            words = {"arguments": arguments, "environment": environment, "follow": follow, **place}
            stream.write(json.dumps(words).encode())
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(server)
        socket.send_fds(self._connection, [b"!"], [*streams, request])
        os.close(request)
        self._answers = self._connection.makefile("r")
        #: Its process, `NOTHING` if there is none and the real program is to be run.
        self.pid = int(self._answers.readline() or NOTHING)
        self._code: int | None = None

    def has_ended(self, within: float = 0) -> bool:
        """Tell whether it ends within some seconds."""
        return bool(select.select([self._connection], [], [], within)[0])

    def wait(self) -> int:
        """Wait for its end and return its exit code, that of a signal being negative."""
        if self._code is None:
            self._code = int(self._answers.readline() or -signal.SIGKILL)
        return self._code


def main() -> None:
    """Be `ansible-playbook`: pass on signals and the exit code."""
    server, *arguments = sys.argv[1:]
    run = Run(server, arguments, dict(os.environ), [0, 1, 2], follow=False)
    if run.pid == NOTHING:
        program = sys.executable.rpartition("/")[0] + "/ansible-playbook"
        os.execv(program, [program, *arguments])  # noqa: S606
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: os.kill(run.pid, number))
    code = run.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
