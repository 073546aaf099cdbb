"""A server of git repositories on this machine, and a checkout that uses them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from strata.cli import cli
from strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterator

SRC = Path(__file__).parents[4] / "src"
PATIENCE = 20
PLAIN = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    """Run git as the owner of a repository would, and return what it prints."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=PLAIN, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


@dataclass(frozen=True)
class Repo:
    """A bare repository of the server, written object by object, so that it can have what git itself would refuse."""

    path: Path
    url: str

    def blob(self, content: bytes) -> str:
        return self._object("blob", content)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Write a folder of entries, each mode, name and object, in the order given."""
        return self._object("tree", b"".join(b"%s %s\0" % (m.encode(), n) + bytes.fromhex(o) for m, n, o in entries))

    def commit(self, tree: str, *parents: str, message: str = "change", ref: str = "refs/heads/main") -> str:
        """Commit a tree, and let a ref name the commit."""
        who = "Ada <ada@example.org> 1700000000 +0000"
        head = "".join([f"tree {tree}\n", *(f"parent {parent}\n" for parent in parents)])
        sha = self._object("commit", f"{head}author {who}\ncommitter {who}\n\n{message}\n".encode())
        git(self.path, "update-ref", ref, sha)
        return sha

    def files(self, files: dict[str, str], *parents: str, message: str = "change", ref: str = "refs/heads/main") -> str:
        """Commit these files; names ending in * are executable, those ending in @ are links."""
        return self.commit(self._folder(files), *parents, message=message, ref=ref)

    def _folder(self, files: dict[str, str]) -> str:
        entries = []
        for first in sorted({path.partition("/")[0] for path in files}):
            inside = {path.partition("/")[2]: text for path, text in files.items() if path.startswith(f"{first}/")}
            if inside:
                entries.append(("40000", first.encode(), self._folder(inside)))
            else:
                mode = {"*": "100755", "@": "120000"}.get(first[-1], "100644")
                entries.append((mode, first.rstrip("*@").encode(), self.blob(files[first].encode())))
        return self.tree(*entries)

    def _object(self, kind: str, content: bytes) -> str:
        return git(self.path, "hash-object", "-t", kind, "-w", "--literally", "--stdin", data=content)


class Server:
    """A `git daemon`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        where = ["--reuseaddr", "--listen=127.0.0.1", f"--port={self.port}", f"--base-path={self.folder}"]
        # Not `git daemon`, which would only start it: what is started here is also ended.
        program = Path(git(self.folder, "--exec-path")) / "git-daemon"
        self._process = subprocess.Popen([program, "--export-all", *where], env=PLAIN, stderr=subprocess.DEVNULL)
        wait(self._answers)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)
            self._process.wait()

    def pause(self) -> None:
        """Let whoever connects wait for ever."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def repo(self, name: str) -> Repo:
        git(self.folder, "init", "-q", "--bare", name)
        return Repo(self.folder / name, f"git://127.0.0.1:{self.port}/{name}")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def wait(condition) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@dataclass
class Done:
    """How a verb ended."""

    code: int
    out: str
    err: str


class Checkout:
    """A checkout with a modules.env."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "modules.env"
        root.mkdir()

    @property
    def lock(self) -> str:
        return (self.root / "modules.lock").read_text()

    def env(self, *modules: tuple[Repo, str]) -> None:
        self.file.write_text("".join(f'SOURCE_MODULES["{repo.url}"]="{ref}"\n' for repo, ref in modules))

    def run(self, verb: str, *arguments: str) -> Done:
        """Run `strata modules VERB` in this process."""
        done = CliRunner().invoke(cli, ["modules", verb, *arguments, "--file", str(self.file)])
        if isinstance(done.exception, StrataError):
            return Done(done.exception.exit_code, done.stdout, f"{done.stderr}{done.exception}")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def well(self, verb: str, *arguments: str) -> str:
        """Run a verb that must end well, and return what it prints."""
        done = self.run(verb, *arguments)
        assert done.code == 0, done
        return done.out

    def start(self, verb: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a verb in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "strata", "modules", verb, *arguments, "--file", self.file],
            env={**os.environ, "PYTHONPATH": str(SRC), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def role(self, name: str) -> Path:
        return self.root / "vendor/roles" / name

    def content(self, name: str) -> dict[str, str]:
        """Return what a role's files say, by their paths."""
        folder = self.role(name).resolve()
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    yield made
    made.stop()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")
