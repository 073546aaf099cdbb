"""Gerrit's own commands over its SSH, as the peer that its host key makes us, and pushes as an account.

Gerrit takes who has its own host key for another daemon of the same site (DatabasePubKeyAuth.java), whatever the type
of authentication: it may list, flush caches, and act for any account (suexec), but makes nothing itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Self

from ansible.module_utils.strata.gerrit.projects.declared import REF, ProjectsError
from ansible.module_utils.strata.gerrit.projects.site import attempt, beside, read_tip, run, said

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ansible.module_utils.strata.gerrit.projects.site import Site

PEER = "Gerrit Code Review"

#: Gerrit's server says the end of each command in several small packets, and waits (RFC 896) until the first one is
#: acknowledged, with which the kernel takes its time, 40 ms, unless it is told not to each time.
RELAY = """
import os, socket, sys, threading


def send():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)


try:
    server = socket.create_connection((sys.argv[1], sys.argv[2]), timeout=10)
    server.settimeout(None)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=send, daemon=True).start()
    while data := server.recv(65536):
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        while data:
            data = data[os.write(1, data) :]
except OSError as error:
    sys.exit(error.strerror or str(error))
"""


class DownError(ProjectsError):
    """Gerrit does not answer, or not any more."""


class RefusedError(ProjectsError):
    """Gerrit answers that it won't do it."""


class Gerrit:
    """One SSH connection to a site's Gerrit, which all commands share."""

    def __init__(self, site: Site, account: str) -> None:
        """Take the site, and the account that things are made as."""
        self.site, self.account = site, account
        self.folder = tempfile.mkdtemp(prefix="strata-gerrit-")
        self.config = os.path.join(self.folder, "config")
        # When ssh has nothing more to send, and hears that Gerrit has not either, it hangs up without the result.
        self.silence, self.voice = os.pipe()

    def __enter__(self) -> Self:
        """Connect. Raises DownError, ProjectsError."""
        try:
            self._connect()
        except BaseException:
            self._forget()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        attempt(["ssh", "-F", self.config, "-O", "exit", "gerrit"])
        self._forget()

    def _forget(self) -> None:
        os.close(self.silence)
        os.close(self.voice)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self) -> None:
        key, known, log = self.site.key, os.path.join(self.folder, "known"), os.path.join(self.folder, "log")
        with open(known, "wb") as stream:
            # The public half is made from the private one, of which alone the server is sure to have the latest.
            stream.write(b"gerrit " + run(["ssh-keygen", "-y", "-f", key]))
        relay = os.path.join(self.folder, "relay")
        with open(relay, "w", encoding="utf-8") as stream:
            stream.write(RELAY)
        words = [sys.executable, "-I", relay, self.site.host, str(self.site.port)]
        lines = {
            "ProxyCommand": f"{shlex.join(words)} 2>>{shlex.quote(log)}".replace("%", "%%"),
            "User": f'"{PEER}"',
            "IdentityFile": f'"{key}"',
            "IdentitiesOnly": "yes",
            "HostKeyAlias": "gerrit",
            "UserKnownHostsFile": known,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 20,
            "ServerAliveInterval": 15,
            "ServerAliveCountMax": 4,
            "ControlPath": os.path.join(self.folder, "socket"),
            # A run that is killed can't hang up.
            "ControlPersist": 60,
        }
        with open(self.config, "w", encoding="utf-8") as stream:
            stream.write("Host gerrit\n" + "".join(f"  {key} {value}\n" for key, value in lines.items()))
        done = attempt(["ssh", "-F", self.config, "-E", log, "-M", "-N", "-f", "gerrit"])
        if done.returncode:
            with open(log, encoding="utf-8", errors="replace") as stream:
                text = " ".join(stream.read().split())
            raise DownError(f"Gerrit does not answer at {self._address}: {text}: start it, and run this again")

    @property
    def _address(self) -> str:
        return f"{self.site.host}:{self.site.port}"

    def ask(self, *words: str) -> str:
        """Run a command as the peer and return what it says. Raises DownError, RefusedError."""
        command = ["ssh", "-S", os.path.join(self.folder, "socket"), "-F", self.config, "gerrit", shlex.join(words)]
        done = attempt(command, stdin=self.silence)
        if done.returncode:
            self._check_alive(said(done))
            raise RefusedError(f"{' '.join(word for word in words if word != '--')}: {said(done)}")
        return done.stdout.decode("utf-8", "replace")

    def act(self, *words: str) -> str:
        """Run a command as the account and return what it says. Raises DownError, RefusedError."""
        return self.ask("suexec", "--as", self.account, "--", *words)

    def push(self, name: str, commit: str, objects: str, names: Iterable[str]) -> None:
        """Push a commit to a project's refs/meta/config.

        Args:
            name: the project.
            commit: the commit, of the repository `objects`.
            objects: the path of that repository.
            names: the projects that commits were made for together; what one of them has is not in `objects`.

        Raises:
            DownError, RefusedError: Gerrit does not take it.

        """
        receive = f"suexec --as {shlex.quote(self.account)} -- git-receive-pack"
        command = ["git", f"--git-dir={objects}", "push", "--quiet", f"--receive-pack={receive}", "--no-verify"]
        command += [f"ssh://gerrit/{name}", f"{commit}:{REF}"]
        ssh = shlex.join(["ssh", "-F", self.config])
        env = {**beside(self.site, names), "GIT_SSH_COMMAND": ssh, "GIT_SSH_VARIANT": "ssh"}
        done = attempt(command, env=env)
        if done.returncode and read_tip(self.site, name) != commit:
            self._check_alive(said(done))
            raise RefusedError(_reasons(done.stderr.decode("utf-8", "replace")))

    def _check_alive(self, text: str) -> None:
        """Tell an answer of Gerrit's from a failure of the connection. Raises DownError."""
        if attempt(["ssh", "-F", self.config, "-O", "check", "gerrit"]).returncode:
            raise DownError(
                f"Gerrit at {self._address} does not answer any more: {text}: see to it that it runs, and run this "
                "again, which does what is left"
            )


def _reasons(text: str) -> str:
    """Return what matters of what git says of a push that Gerrit refuses."""
    lines = [line.removeprefix("remote:").strip() for line in text.splitlines()]
    errors = [re.sub(r"^ERROR: (commit [0-9a-f]+: )?", "", line) for line in lines if line.startswith("ERROR:")]
    return " ".join(errors or [line for line in lines if "[remote rejected]" in line] or lines)
