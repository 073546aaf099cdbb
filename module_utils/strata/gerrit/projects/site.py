"""A Gerrit site on this host: its settings, and programs that work on its repositories.

Everything below a site is Gerrit's user's, so it is read and written as that user.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pwd
import re
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ansible.module_utils.strata.folders import READ
from ansible.module_utils.strata.gerrit.projects.declared import REF, ROOT_PROJECT, ProjectsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Seconds after which a lock is nobody's any more: a living Gerrit has one for an instant.
STALE = 60

OBJECT = re.compile(r"[0-9a-f]{40}")
ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:]+\]|[^:\[\]]*):(?P<port>\d+)")
ANY = ("", "*", "0.0.0.0", "[::]")  # noqa: S104 - what Gerrit listens on, not what we do
KEYS = ("ed25519", "ecdsa", "ecdsa_384", "ecdsa_521", "rsa")

#: What git must neither read nor ask.
QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "PATH": os.environ.get("PATH", os.defpath),
}


@dataclass(frozen=True)
class Site:
    """A site: its folder and user, where repositories are, the names of Gerrit's own projects, where SSH answers."""

    path: str
    user: str
    base: str
    root_project: str = ROOT_PROJECT
    users_project: str = "All-Users"
    host: str = "127.0.0.1"
    port: int = 29418

    @property
    def key(self) -> str:
        """Return the path of a private key of the server's own. Raises ProjectsError."""
        keys = [os.path.join(self.path, "etc", f"ssh_host_{kind}_key") for kind in KEYS]
        for key in keys:
            if os.path.exists(key):
                return key
        raise ProjectsError(
            f"{self.path}/etc has no ssh_host_ed25519_key or other key of the server: initialise Gerrit"
        )

    def repository(self, name: str) -> str:
        """Return the path of a project's repository."""
        return os.path.join(self.base, f"{name}.git")

    def git(self, name: str, *words: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git in a project's repository and return what it says. Raises ProjectsError."""
        return run(["git", f"--git-dir={self.repository(name)}", *words], data=data, env=env)


def run(
    command: list[str], *, data: bytes = b"", env: Mapping[str, str] | None = None, cwd: str | None = None
) -> bytes:
    """Run a program as the user that we act as, for good, and return what it says. Raises ProjectsError."""
    done = attempt(command, data=data, env=env, cwd=cwd)
    if done.returncode:
        raise ProjectsError(f"{command[0]} {' '.join(command[1:3])}: {said(done)}")
    return done.stdout


def attempt(
    command: list[str],
    *,
    data: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program as `run` does, whatever it returns. Raises ProjectsError if it is not there."""
    try:
        return subprocess.run(
            command,
            input=data if stdin is None else None,
            stdin=stdin,
            capture_output=True,
            check=False,
            cwd=cwd or "/",
            env={**QUIET, **(env or {})},
            user=os.geteuid(),
            group=os.getegid(),
            # A run that is killed leaves the server to end what it began.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ProjectsError(f"{command[0]} is not installed on this host") from None


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what a program complained of, on one line."""
    text = done.stderr.decode("utf-8", "replace")
    return " ".join(text.split()) or f"ended with status {done.returncode}"


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Be a user for a while, if we are root. Raises ProjectsError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ProjectsError(f"there is no user {name} on this host") from None
    if os.geteuid() == entry.pw_uid:
        yield
        return
    if os.geteuid() != 0:
        raise ProjectsError(f"only root and {name} can configure the projects of {name}'s Gerrit")
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(name, entry.pw_gid))
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def read_site(path: str, user: str) -> Site:
    """Read a site's settings. Raises ProjectsError."""
    config = os.path.join(path, "etc", "gerrit.config")
    listing = run(["git", "config", "--file", config, "--no-includes", "--null", "--list"]).decode("utf-8", "replace")
    values: dict[str, str] = {}
    for item in filter(None, listing.split("\0")):
        key, _newline, value = item.partition("\n")
        values.setdefault(key, value)
    host, port = _address(values.get("sshd.listenaddress", "*:29418"), config)
    return Site(
        path=path,
        user=user,
        base=os.path.join(path, values.get("gerrit.basepath", "git")),
        root_project=values.get("gerrit.allprojects", ROOT_PROJECT),
        users_project=values.get("gerrit.allusers", "All-Users"),
        host=host,
        port=port,
    )


def _address(given: str, config: str) -> tuple[str, int]:
    match = ADDRESS.fullmatch(given if re.search(r":\d+$", given) else f"{given}:29418")
    if given == "off" or not match:
        raise ProjectsError(f"{config}: sshd.listenAddress is {given}: projects are configured over Gerrit's SSH")
    host = match["host"]
    return ("127.0.0.1" if host in ANY else host.strip("[]")), int(match["port"])


def beside(site: Site, names: Iterable[str]) -> dict[str, str]:
    """Return what makes git find the objects of these projects, too."""
    folders = (os.path.join(site.repository(name), "objects") for name in names)
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(folders)}


def read_tip(site: Site, name: str) -> str | None:
    """Return the commit of refs/meta/config: read here, as a process for each of thousands would take its time."""
    folder = site.repository(name)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _opened(folder, REF) as stream:
        return _object(stream.read(41))
    if os.path.isdir(os.path.join(folder, "reftable")):
        done = attempt(["git", f"--git-dir={folder}", "rev-parse", "--verify", "--quiet", REF])
        return _object(done.stdout)
    with contextlib.suppress(FileNotFoundError), _opened(folder, "packed-refs") as stream:
        if os.fstat(stream.fileno()).st_size:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as packed:
                at = packed.find(f" {REF}\n".encode())
                return _object(packed[at - 40 : at]) if at >= 0 else None
    return None


def _opened(repository: str, name: str) -> IO[bytes]:
    """Open a file of a repository, without waiting where a pipe is in its place."""
    return open(os.open(os.path.join(repository, name), READ), "rb")


def head(site: Site, name: str) -> str:
    """Return the name of the branch that a project's HEAD is."""
    with _opened(site.repository(name), "HEAD") as stream:
        text = stream.readline().decode("utf-8", "replace")
    return text.strip().removeprefix("ref: refs/heads/")


def _object(data: bytes) -> str | None:
    text = data.decode("ascii", "replace").strip()
    return text if OBJECT.fullmatch(text) else None


def unlock(site: Site, name: str, refs: Iterable[str]) -> None:
    """Wait until these files of a repository are not locked; what a killed Gerrit locked is freed."""
    for ref in refs:
        path = os.path.join(site.repository(name), f"{ref}.lock")
        with contextlib.suppress(FileNotFoundError):
            while time.time() - os.stat(path).st_mtime < STALE:
                time.sleep(0.1)
            os.unlink(path)


def write_commits(repository: str, commits: Iterable[bytes], env: Mapping[str, str] | None = None) -> None:
    """Write commits to a repository at a path, and move their refs forward. Raises ProjectsError."""
    command = ["git", f"--git-dir={repository}", "fast-import", "--quiet", "--date-format=now"]
    run(command, data=b"".join(commits), env=env)


def commit(ref: str, who: str, message: str, files: Mapping[str, str], parent: str | None = None) -> bytes:
    """Return a commit for `write_commits`, in which these files are as given, gone if empty."""
    text = message.encode()
    lines = [f"commit {ref}\ncommitter {who} now\ndata {len(text)}\n".encode(), text, b"\n"]
    if parent is not None:
        lines.append(f"from {parent}\n".encode())
    for name, content in files.items():
        data = content.encode()
        if data:
            lines += [f"M 100644 inline {name}\ndata {len(data)}\n".encode(), data, b"\n"]
        elif parent is not None:
            lines.append(f"D {name}\n".encode())
    return b"".join([*lines, b"\n"])
