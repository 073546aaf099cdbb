"""A running Gerrit: whether it answers over HTTP and SSH, and what it says in its logs when it does not."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import ssl
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata import folders, listeners
from ansible.module_utils.strata.errors import DeclarationError, StrataError
from ansible.module_utils.strata.gerrit import config
from ansible.module_utils.strata.units import Step, Systemd, UnitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.strata.commands import Run
    from ansible.module_utils.strata.units import Status

UNIT = "gerrit.service"
LOGS = ("error_log", "error_log.json")
#: Seconds that an answer may take.
ANSWER = 10
PAUSE = 0.2
LINES = 6
#: Bytes of a log that are read, from its end: whoever writes it may make it endless.
MOST = 1 << 24
BAD = 500
PORTS = {"http": 80, "https": 443}
#: In logs, lines that say why something failed; those of a stack trace do not.
TELLING = re.compile(
    r"\bERROR\b|Cannot load plugin|^Caused by:|^[a-z.]+\.[A-Za-z]+(Exception|Error)\b|^[0-9]+\) |(?i:fatal|error):"
)
NO_INDEX = re.compile(r"No index versions (?:for index '([a-z]+)' )?ready")


class NotServingError(StrataError):
    """Gerrit does not serve; the text is one sentence for the user, with Gerrit's own words."""


@dataclass(frozen=True)
class Address:
    """Where Gerrit listens for one protocol: `scheme` is http, https or ssh."""

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """Return it as a URL."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"


def addresses(lines: Sequence[config.Entry]) -> list[Address]:
    """Return the first address of HTTP and of SSH at which Gerrit can be asked from its host.

    Raises:
        DeclarationError: one cannot be read.

    """
    found = []
    url = (config.values(list(lines), "httpd", "listenUrl") or ["http://*:8080/"])[0]
    parts = re.fullmatch(r"(?:proxy-)?(https?)://(\*|[^/:\[]+|\[[^]/]+\])(?::([0-9]+))?(/.*)?", url)
    # Behind a proxy, it is that one that speaks TLS.
    scheme = "http" if url.startswith("proxy-") else url.split(":")[0]
    if not parts:
        raise DeclarationError(f"httpd.listenUrl {url!r} is not a URL such as proxy-https://127.0.0.1:8081/")
    found.append(Address(scheme, _host(parts[2]), int(parts[3] or PORTS[parts[1]]), (parts[4] or "").rstrip("/")))
    listen = (config.values(list(lines), "sshd", "listenAddress") or ["*:29418"])[0]
    if listen != "off":
        place = re.fullmatch(r"(\*|[^:\[]+|\[[^]]+\])?:([0-9]+)", listen)
        if not place:
            raise DeclarationError(f"sshd.listenAddress {listen!r} is not an address such as *:29418, and not off")
        found.append(Address("ssh", _host(place[1] or "*"), int(place[2])))
    return found


def _host(text: str) -> str:
    """Return whom to ask who wants what listens at an address."""
    bare = text.strip("[]")
    return {"*": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare, bare)  # noqa: S104


def ask(address: Address) -> str:
    """Ask Gerrit once; return what is wrong with its answer, nothing if it serves."""
    try:
        if address.scheme == "ssh":
            with socket.create_connection((address.host, address.port), timeout=ANSWER) as client:
                said = client.recv(256)
            return "" if said.startswith(b"SSH-2.0-") else f"{address} does not speak SSH"
        if address.scheme == "https":
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            web: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.host, address.port, timeout=ANSWER, context=trusting
            )
        else:
            web = http.client.HTTPConnection(address.host, address.port, timeout=ANSWER)
        with contextlib.closing(web):
            web.request("GET", urllib.parse.quote(f"{address.path}/config/server/version"))
            status = web.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{address} does not answer ({error})"
    else:
        return f"{address} answers with status {status}" if status >= BAD else ""


@dataclass
class Daemon:
    """The unit of Gerrit, and the logs of its site; `patience` are seconds that it may take to answer."""

    run: Run
    site: str
    patience: int
    systemd: Systemd = field(init=False)

    def __post_init__(self) -> None:
        """Make what speaks with systemd."""
        self.systemd = Systemd(self.run)

    def status(self) -> Status:
        """Return the state of the unit. Raises UnitError."""
        return self.systemd.status([UNIT])[UNIT]

    def wrong(self, wanted: Sequence[Address]) -> str:
        """Ask once; return what is wrong, nothing if Gerrit itself, and nobody else in its place, answers."""
        if complaint := next(filter(None, map(ask, wanted)), ""):
            return complaint
        foreign = listeners.wait(self.run, UNIT, [listeners.Port("tcp", each.port) for each in wanted], 0)
        return f"{UNIT} does not listen at {', '.join(map(str, foreign))}, but somebody else does" if foreign else ""

    def serves(self, wanted: Sequence[Address]) -> bool:
        """Return whether Gerrit answers; one that has just begun to start is waited for."""
        while self.wrong(wanted):
            status = self.status()
            if not status.active or time.time() > status.since + self.patience:
                return False
            time.sleep(PAUSE)
        return True

    def do(self, verb: str) -> None:
        """Start, stop, enable or disable the unit. Raises UnitError."""
        self.systemd.do(Step(verb, UNIT))

    def start(self, wanted: Sequence[Address], verb: str = "start") -> None:
        """Start or restart Gerrit, and wait until it answers.

        Raises:
            NotServingError: it does not, or it cannot load a plugin.

        """
        began, mark = int(time.time()), self.mark()
        try:
            self.do(verb)
            first = self.status()
            deadline = time.monotonic() + self.patience
            while wrong := self.wrong(wanted):
                status = self.status()
                if not status.active or status.restarts != first.restarts:
                    raise NotServingError(f"Gerrit ends after its {verb}: {self.why(began, mark)}")
                if time.monotonic() > deadline:
                    raise NotServingError(f"{wrong} within {self.patience} s of the {verb}: {self.why(began, mark)}")
                time.sleep(PAUSE)
        except UnitError as error:
            raise NotServingError(f"{error}; {self.why(began, mark)}") from error
        if refused := re.findall("Cannot load plugin (.*)", self.logged(mark)):
            raise NotServingError(f"Gerrit cannot load the plugin {refused[0]}: {self.why(began, mark)}")

    def mark(self) -> dict[str, tuple[int, int]]:
        """Return how far the logs are, for `logged`."""
        found = {}
        for name in LOGS:
            with contextlib.suppress(OSError), self._log(name) as stream:
                info = os.fstat(stream.fileno())
                found[name] = (info.st_ino, info.st_size)
        return found

    def _log(self, name: str) -> IO[bytes]:
        """Open a log, which must be a file in a folder of Gerrit's own. Raises OSError."""
        return folders.open_file(os.path.join(self.site, "logs", name))

    def logged(self, mark: dict[str, tuple[int, int]]) -> str:
        """Return what Gerrit has logged since then."""
        text = ""
        for name in LOGS:
            with contextlib.suppress(OSError), self._log(name) as stream:
                inode, size = mark.get(name, (0, 0))
                info = os.fstat(stream.fileno())
                stream.seek(max(size if info.st_ino == inode else 0, info.st_size - MOST))
                text += stream.read().decode("utf-8", "backslashreplace")
        return text

    def why(self, began: int, mark: dict[str, tuple[int, int]]) -> str:
        """Return what Gerrit has said since then about what went wrong."""
        return telling(self.logged(mark)) or self.systemd.said(UNIT, began) or "it says nothing"


def telling(text: str) -> str:
    """Return the lines of a log that say why something failed, the last few, as one."""
    lines = [line.strip() for line in text.splitlines() if TELLING.search(line)]
    return "; ".join(list(dict.fromkeys(lines))[-LINES:])
