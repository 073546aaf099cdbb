"""Runs on a host: calls modules in check mode, each in a process forked from one that has imported what they share.

It is sent over standard input with all that it is to know, so that nothing of that stands on a disk or in a list of
processes, and needs only Python. Its answers are lines of JSON, as they come.

Standard input begins with a line: the lengths of this file, of the request, and of the files of modules, none if they
are not sent along. Nothing follows them: the end of standard input is that of the connection, and ends everything here.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import marshal
import os
import pwd
import select
import shutil
import signal
import stat
import sys
import tempfile
import time
import zipfile
from typing import Any, NoReturn

#: So many packed sets of modules' files are kept, those that were used last.
KEPT = 3

#: In a packed set, what is said of its modules: the name by which each is imported, and what it imports.
INDEX = "modules.json"

#: So much of what a module says beside its result is kept.
TAIL = 2000

#: What Ansible tells modules besides their arguments; the names are its own, of all versions that are supported.
SETTINGS = {
    "check_mode": True,
    "debug": False,
    "diff": True,
    "ignore_unknown_opts": False,
    "keep_remote_files": False,
    "no_log": True,  # in the host's log, which a plan leaves alone
    "selinux_special_fs": ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"],
    "shell_executable": "/bin/sh",
    "socket": None,
    "syslog_facility": "LOG_USER",
    "target_log_info": None,
    "tmpdir": None,
    "tracebacks_for": [],
    "verbosity": 0,
}


class WrongError(Exception):
    """What ends the runner, as a sentence."""


class Files:
    """The packed files of modules: imports them from memory, so that what is run is what was verified."""

    def __init__(self, path: str, content: bytes) -> None:
        """Take what stands in the file at `path`."""
        self.path = path
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._names = frozenset(self._archive.namelist())
        self.index: dict[str, Any] = json.loads(self._archive.read(INDEX))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return where a module is, as the import system asks for it."""
        del path, target
        try:
            origin = self.get_filename(name)
        except ImportError:
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=origin, is_package=self.is_package(name))  # type: ignore[arg-type]
        if spec is not None:
            spec.has_location = True
            if spec.submodule_search_locations is not None:
                spec.submodule_search_locations.append(os.path.dirname(origin))
        return spec

    def create_module(self, spec: Any) -> None:
        """Leave the making of a module to the import system."""

    def exec_module(self, module: Any) -> None:
        """Run a module's code in it."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - this is how modules are imported

    def is_package(self, name: str) -> bool:
        """Tell whether a module has others in it."""
        return self._file(name).endswith("/__init__.py")

    def get_filename(self, name: str) -> str:
        """Return the path of a module."""
        return os.path.join(self.path, self._file(name))

    def get_source(self, name: str) -> str:
        """Return the text of a module."""
        return self._archive.read(self._file(name)).decode()

    def get_data(self, path: str) -> bytes:
        """Return a file that stands beside modules."""
        try:
            return self._archive.read(os.path.relpath(path, self.path))
        except KeyError:
            raise FileNotFoundError(path) from None

    def get_code(self, name: str) -> Any:
        """Return the code of a module: the bytecode for this Python if there is any."""
        file = self._file(name)
        own = f"ansible.{sys.implementation.cache_tag}/{file.partition('/')[2]}c"
        for bytecode in (own, f"{file}c"):
            if bytecode in self._names:
                found = self._archive.read(bytecode)
                if found.startswith(importlib.util.MAGIC_NUMBER):
                    return marshal.loads(found[16:])  # noqa: S302 - verified by its digest
        return compile(self._archive.read(file), self.get_filename(name), "exec", dont_inherit=True)

    def _file(self, name: str) -> str:
        """Return the file of a module. Raises ImportError if it is not here."""
        path = name.replace(".", "/")
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if file in self._names:
                return file
        raise ImportError(f"there is no module {name}", name=name)


def main(request: dict[str, Any], sent: bytes) -> None:
    """Answer a request: a line for each of its resources.

    Args:
        request: `folder`, where packed files are kept; `files`, the digest of those that are needed; `version` of
            Ansible; `seconds` and `bytes` that a module may take and say; `sudo`, whether another user has logged in
            than the one who runs this; and `resources`, each with `module`, `args`, `environment`, and `user`, "" for
            the one who has logged in.
        sent: the packed files, empty if they have not been sent.

    """
    sys.dont_write_bytecode = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was ended on the host"))
    try:
        files = packed(os.path.expanduser(request["folder"]), request["files"], sent)
        if files is None:
            say({"needs": request["files"]})
            return
        sys.meta_path.insert(0, files)
        with workplace() as folder:
            warm_up(files, {resource["module"] for resource in request["resources"]})
            for number, resource in enumerate(request["resources"]):
                begin = time.monotonic()
                answered = answer(files, resource, request, folder)
                say({"number": number, "seconds": round(time.monotonic() - begin, 3), **answered})
        say({"end": len(request["resources"])})
    except WrongError as error:
        say({"wrong": str(error)})
    except ConnectionError:
        # Nobody listens any more, and what has not been written must not be tried again.
        os._exit(1)


def say(answer: dict[str, Any]) -> None:
    """Answer a line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def workplace() -> Any:
    """Give a folder for what modules write on their way, and remove it with all that they have left there."""
    try:
        folder = tempfile.mkdtemp(prefix="strata-plan-")
    except OSError as error:
        raise WrongError(f"modules cannot have a folder for temporary files: {error.strerror}") from None
    try:
        os.chmod(folder, 0o711)  # noqa: S103 - for the folders in it of those whom modules are run as
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def warm_up(files: Files, modules: set[str]) -> None:
    """Import what modules import, once for all of them; what this host cannot import, they may do without."""
    importlib.import_module("ansible.module_utils._internal._ansiballz._loader")
    for name in sorted({name for module in modules for name in files.index[module]["imports"]}):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def packed(folder: str, digest: str, sent: bytes) -> Files | None:
    """Return packed files, after keeping them if they have been sent; None if they are not there.

    Raises:
        WrongError: others could have changed them, or they cannot be kept.

    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        place = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise WrongError(f"{folder} cannot be used: {error.strerror}") from None
    name = digest + ".zip"
    path = os.path.join(folder, name)
    try:
        own(place, folder)
        if sent:
            keep(place, name, sent)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as stream:
            own(descriptor, path)
            content = stream.read()
        if hashlib.sha256(content).hexdigest() != digest:
            os.unlink(name, dir_fd=place)
            return None
        os.utime(name, dir_fd=place)
    except OSError as error:
        raise WrongError(f"the files of modules cannot be kept in {folder}: {error.strerror}") from None
    finally:
        os.close(place)
    return Files(path, content)


def own(descriptor: int, path: str) -> None:
    """Raise WrongError if others could change a file or folder, or read it."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise WrongError(f"{path} is not used: it is another user's, or others may use it; remove it")


def keep(place: int, name: str, files: bytes) -> None:
    """Put packed files in their place at once, and remove those that were not used for longest."""
    temporary = f".{name}.{os.urandom(4).hex()}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place), "wb") as stream:
            stream.write(files)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=place)
        raise
    times = []
    for other in os.listdir(place):
        with contextlib.suppress(FileNotFoundError):  # another plan may have removed it
            times.append((-os.stat(other, dir_fd=place, follow_symlinks=False).st_mtime, other))
    for _, other in sorted(times)[KEPT:]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(other, dir_fd=place)


def answer(files: Files, resource: dict[str, Any], request: dict[str, Any], folder: str) -> dict[str, Any]:
    """Call a module and return what it says, or why it says nothing."""
    # Nothing that the module starts has the first one: its end is the module's own, whatever goes on in the background.
    alive, lives = os.pipe()
    (said, speaks), (errors, complains) = os.pipe(), os.pipe()
    process = os.fork()
    if not process:
        for descriptor in (alive, said, errors):
            os.close(descriptor)
        user = resource["user"] or (os.environ.get("SUDO_USER", "") if request["sudo"] else "")
        call(files, {**resource, "user": user}, request["version"], folder, (speaks, complains))
    for descriptor in (lives, speaks, complains):
        os.close(descriptor)
    try:
        return listen(alive, said, errors, request)
    finally:
        for descriptor in (alive, said, errors):
            os.close(descriptor)
        # All that it has started, which may be in its way still.
        with contextlib.suppress(OSError):
            os.killpg(process, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def listen(alive: int, said: int, errors: int, request: dict[str, Any]) -> dict[str, Any]:
    """Return what a module says, or why it was given up. Raises ConnectionError if nobody listens here any more."""
    deadline = time.monotonic() + request["seconds"]
    texts = {said: b"", errors: b""}
    while True:
        ready, _, _ = select.select([alive, said, errors, 0], [], [], max(0.0, deadline - time.monotonic()))
        if 0 in ready:
            raise ConnectionError
        if not ready:
            return {"problem": f"it takes longer than {request['seconds']} s"}
        speaking = [each for each in (said, errors) if each in ready]
        parts = {each: os.read(each, 65536) for each in speaking}
        if alive in ready and not any(parts.values()):
            return {"said": texts[said].decode(errors="replace"), "errors": texts[errors].decode(errors="replace")}
        texts[said] += parts.get(said, b"")
        texts[errors] = (texts[errors] + parts.get(errors, b""))[-TAIL:]
        if len(texts[said]) > request["bytes"]:
            return {"problem": f"it says more than {request['bytes']} bytes"}


def call(files: Files, resource: dict[str, Any], version: str, folder: str, outputs: tuple[int, int]) -> NoReturn:
    """Be a module, as Ansible runs it."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor, target in zip((os.open(os.devnull, os.O_RDWR), *outputs), range(3), strict=True):
            os.dup2(descriptor, target)
        name = files.index[resource["module"]]["name"]
        temporary = tempfile.mkdtemp(dir=folder)
        if resource["user"] and resource["user"] != pwd.getpwuid(os.geteuid()).pw_name:
            become(resource["user"], temporary)
        os.environ.update({"TMPDIR": temporary, **resource["environment"]})
        tempfile.tempdir = None
        own = {**SETTINGS, "version": version, "module_name": name.rpartition(".")[2], "remote_tmp": temporary}
        arguments = {**resource["args"], **{"_ansible_" + key: value for key, value in own.items()}}
        loader: Any = importlib.import_module("ansible.module_utils._internal._ansiballz._loader")
        loader.run_module(
            json_params=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode(),
            profile="legacy",
            module_fqn=name,
            modlib_path=files.path,
            extensions={},
        )
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        sys.stderr.write(f"{error}" if isinstance(error, WrongError) else f"{type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def become(user: str, temporary: str) -> None:
    """Be another user, as sudo would make it, with a folder for temporary files.

    Raises:
        WrongError: there is no such user.

    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise WrongError(f"there is no user {user} that it could be run as") from None
    os.chown(temporary, entry.pw_uid, entry.pw_gid)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=user, LOGNAME=user, SHELL=entry.pw_shell)
    os.chdir("/")
