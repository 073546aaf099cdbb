"""Running git on what strangers wrote: no hooks, no filters, no questions, only the transports that are allowed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.vendored.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TRANSPORTS = ("https", "http", "git", "ssh")

#: Seconds that one command may take, and bytes of the largest file that it may write.
TIMEOUT = 300
MAX_FILE = 1 << 30

MAX_MESSAGE = 300

SETTINGS = {
    "advice.detachedHead": "false",
    "core.alternateRefsCommand": "",
    "core.askPass": "",
    "core.attributesFile": "/dev/null",
    "core.fsmonitor": "false",
    "core.gitProxy": "none",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    # One pack is written faster than a file an object.
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "pager.log": "false",
    "protocol.version": "2",
    "submodule.recurse": "false",
    "transfer.credentialsInUrl": "die",
}

ENVIRONMENT = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_SSH_COMMAND": "ssh -a -x -oBatchMode=yes -oConnectTimeout=15 -oPermitLocalCommand=no",
    "GIT_SSH_VARIANT": "ssh",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def environment(*, file_allowed: bool = False) -> dict[str, str]:
    """Return the environment in which git is run: this process' without what would change git, and the defences."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_ASKPASS"))}
    transports = (*TRANSPORTS, "file") if file_allowed else TRANSPORTS
    made = (
        inherited | ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": ":".join(transports), "GIT_CONFIG_COUNT": str(len(SETTINGS))}
    )
    for at, (name, value) in enumerate(SETTINGS.items()):
        made |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    return made


class GitError(StrataError):
    """Git failed; the message is git's own, in one line."""


class GitTimeoutError(GitError):
    """Git did not come to an end."""


class Git:
    """Git with all defences; `stop` ends what runs, from any thread."""

    def __init__(self, *, file_allowed: bool = False) -> None:
        """Prepare the environment; `file_allowed` lets URLs name folders of this machine."""
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()
        self._environment = environment(file_allowed=file_allowed)

    def run(self, folder: Path, *arguments: str) -> str:
        """Return what git prints when it is run in `folder`, a bare repository or none at all. Raises GitError."""
        process = self.start(folder, *arguments, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise GitTimeoutError(f"git {arguments[0]} did not end within {TIMEOUT} s") from None
        finally:
            self.end(process)
        if process.returncode:
            raise GitError(_message(err.decode(errors="replace"), process.returncode))
        return out.decode(errors="replace")

    def start(
        self, folder: Path, *arguments: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start git in `folder`, in a process group of its own, which `end` must end. Raises GitError."""
        with self._lock:
            if self._stopped:
                raise GitError("was stopped")
            try:
                process = subprocess.Popen(
                    ["git", *arguments],
                    cwd=folder,
                    env={**self._environment, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)},
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise GitError(f"git can't be started: {error.strerror}") from None
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MAX_FILE, MAX_FILE))
            self._running.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """See to it that nothing is left of a process."""
        with self._lock:
            self._running.discard(process)
        if process.poll() is None:
            _kill(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                # Closing writes what is left, and nobody may be there to read it.
                with suppress(BrokenPipeError):
                    stream.close()
        process.wait()

    def stop(self) -> None:
        """End all that runs and let nothing new begin."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                if process.returncode is None:
                    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _message(err: str, code: int) -> str:
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    last: Sequence[str] = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))] or lines
    return printable(last[0] if last else f"git ended with exit code {code}")[:MAX_MESSAGE]
