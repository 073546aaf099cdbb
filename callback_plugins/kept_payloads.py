"""Callback plugin: keep packed modules from run to run."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import io
import marshal
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING, Any

import ansible
from ansible import constants
from ansible.executor.module_common import _CachedModule
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import module_loader, module_utils_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
name: kept_payloads
type: notification
author: Strata contributors
short_description: Keep packed modules from run to run
description:
  - To run a module on a host, Ansible packs it with all that it imports, which takes 0.1 s a module and run. It keeps
    what it packed for the run. This plugin keeps it for later runs, which find it as if they had packed it.
  - What is kept has bytecode beside the sources, for the version of Python that runs Ansible and for those of hosts.
    These hosts need not compile the sources in each call, which takes 0.15 s; others use the sources. What ansible-doc
    shows of a module is left out.
  - What is kept is used only by runs with the same versions of Ansible and Python, and the same files, by name and
    contents, in all folders in which modules and their utilities are looked for. Modules of collections are not kept.
  - A payload that is not whole, as a full disk may leave it, is packed anew.
  - The folder must be the user's own, and nobody else may write to it, as its contents are run on hosts.
options:
  folder:
    description: The folder that payloads are kept in. Without it, none are.
    type: path
    env:
      - name: STRATA_PAYLOADS
    ini:
      - section: kept_payloads
        key: folder
  interpreters:
    description:
      - A file with a line C(VERSION PATH) for each interpreter on this machine. Bytecode for an O(host_pythons) that is
        not in it is not made.
    type: path
    ini:
      - section: kept_payloads
        key: interpreters
  host_pythons:
    description: The versions of Python that hosts have, such as C(3.11).
    type: list
    elements: str
    default: []
    ini:
      - section: kept_payloads
        key: host_pythons
"""

#: Where Ansible keeps payloads during a run, below its temporary folder (ansible/executor/module_common.py).
OF_A_RUN = "ansiballz_cache"

#: Payloads of modules in folders, not in collections, have names that begin so.
OURS = ("ansible.legacy.", "ansible.modules.")

#: What bytecode begins with that is not compared with its source: a flag, and room for the source's hash (PEP 552).
UNCHECKED = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)

#: What ansible-doc shows, and no host needs.
DOCUMENTED = re.compile(rb'^((?:DOCUMENTATION|EXAMPLES|RETURN) = r?""").*?^(""")', re.DOTALL | re.MULTILINE)

#: Run by the interpreter of another version: for pairs of name and source, bytecode that is not compared with them.
COMPILE = """
import importlib.util, marshal, sys
begin = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
codes = [(name, compile(source, name, "exec", dont_inherit=True)) for name, source in marshal.load(sys.stdin.buffer)]
marshal.dump([(name, begin + marshal.dumps(code)) for name, code in codes], sys.stdout.buffer)
"""

#: Ends `ansible/__init__.py`: a Python for which there is bytecode of its own looks in its folder first.
LOOK_THERE = b"import sys\n__path__.insert(0, f'{__path__[0]}.{sys.implementation.cache_tag}')\n"

#: So many sets of payloads are kept: one for each combination of versions and files used lately.
KEPT_SETS = 8


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kept_payloads"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        """Read the options."""
        super().set_options(*args, **kwargs)
        self._folder = self.get_option("folder")
        self.disabled = not self._folder
        self.interpreters = others(self.get_option("interpreters"), self.get_option("host_pythons"))

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Give the run what former runs packed; the folders of the playbook and of its roles are known by now."""
        del playbook
        self._key = key()
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self.disabled = not is_private(self._folder)
        if self.disabled:
            self._display.warning(f"{self._folder} is not used: others than its owner can write to it")
            return
        kept = os.path.join(self._folder, self._key)
        with contextlib.suppress(FileNotFoundError):
            os.utime(kept)  # so that no other run forgets it during this one
        give(kept, os.path.join(constants.DEFAULT_LOCAL_TMP, OF_A_RUN))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Keep what the run packed, unless its files have changed meanwhile."""
        del stats
        if key() != self._key:
            return
        run = os.path.join(constants.DEFAULT_LOCAL_TMP, OF_A_RUN)
        keep(run, os.path.join(self._folder, self._key), self.interpreters)
        forget(self._folder)


def is_private(folder: str) -> bool:
    """Tell whether a folder is the user's own and nobody else may write to it."""
    found = os.stat(folder)
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def key() -> str:
    """Return a digest of all that payloads are made of: versions, and the files of the folders of modules."""
    versions = (ansible.__file__, ansible.release.__version__, sys.version, contents(__file__))
    digest = hashlib.sha256(repr(versions).encode())
    for loader in (module_loader, module_utils_loader):
        for folder in loader._get_paths(subdirs=False):  # noqa: SLF001 - as module_common itself asks for them
            if not folder.startswith(os.path.dirname(ansible.__file__)):
                digest.update(repr((folder, list(files(folder)))).encode())
    return digest.hexdigest()


def files(folder: str) -> Iterator[tuple[str, str]]:
    """Give path and digest of each Python file in a folder."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for name in sorted(names):
            path = os.path.join(parent, name)
            with contextlib.suppress(FileNotFoundError):
                yield path, contents(path)


def contents(path: str) -> str:
    """Return a digest of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def give(kept: str, run: str) -> None:
    """Link the payloads that are kept and whole into the folder of a run, which may have had a playbook before."""
    os.makedirs(run, mode=0o700, exist_ok=True)
    for name in payloads(kept) - set(os.listdir(run)):
        os.symlink(os.path.join(kept, name), os.path.join(run, name))


def keep(run: str, kept: str, interpreters: dict[str, str]) -> None:
    """Keep the payloads of a run that are not kept yet, repacked, each at once."""
    os.makedirs(kept, mode=0o700, exist_ok=True)
    for name in payloads(run) - payloads(kept):
        with tempfile.NamedTemporaryFile(dir=kept, prefix=".", delete=False) as temporary:
            shutil.copyfile(os.path.join(run, name), temporary.name)
        repack(temporary.name, interpreters)
        synchronize(temporary.name)
        os.rename(temporary.name, os.path.join(kept, name))


def payloads(folder: str) -> set[str]:
    """Return the names of the payloads in a folder that are whole."""
    with contextlib.suppress(FileNotFoundError):
        return {
            name
            for name in os.listdir(folder)
            if name.startswith(OURS) and not name.endswith(".lock") and is_whole(os.path.join(folder, name))
        }
    return set()


def is_whole(path: str) -> bool:
    """Tell whether a file ends as a payload does."""
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        stream.seek(-len(pickle.STOP), os.SEEK_END)
        return stream.read() == pickle.STOP
    return False


def synchronize(path: str) -> None:
    """Have a file on the disk before its name is, so that no power cut leaves an empty one."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


def others(listing: str | None, versions: list[str]) -> dict[str, str]:
    """Return the interpreters of some versions, without that of this process.

    Args:
        listing: a file with a line `VERSION PATH` for each interpreter.
        versions: such as `3.11`.

    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not listing or not os.path.exists(listing):
        return {}
    with open(listing, encoding="utf-8") as stream:
        known = dict(line.split(maxsplit=1) for line in stream.read().splitlines())
    return {version: known[version] for version in versions if version in known and version != own}


def repack(path: str, interpreters: dict[str, str]) -> None:
    """Leave documentation out of a payload, and put bytecode beside each source.

    `zipimport` looks there first, and leaves that of other Pythons.

    Args:
        path: the payload.
        interpreters: those of other versions, for each of which there is a folder of bytecode.

    """
    payload = _CachedModule.load(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(payload.zip_data))) as given:
        files = {name: given.read(name) for name in given.namelist()}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in with_bytecode(files, interpreters).items():
            archive.writestr(name, content)
    dataclasses.replace(payload, zip_data=base64.b64encode(packed.getvalue())).dump(path)


def with_bytecode(files: dict[str, bytes], interpreters: dict[str, str]) -> dict[str, bytes]:
    """Return the files of a payload without documentation, and bytecode for each source.

    Args:
        files: their contents by name.
        interpreters: those of other versions, for each of which there is a folder of bytecode.

    """
    found = {name: DOCUMENTED.sub(without_text, content) for name, content in files.items()}
    if interpreters:
        found["ansible/__init__.py"] += LOOK_THERE
    sources = [(name, source) for name, source in found.items() if name.endswith(".py")]
    for name, source in sources:
        found[f"{name}c"] = UNCHECKED + marshal.dumps(compile(source, name, "exec", dont_inherit=True))
    for version, interpreter in interpreters.items():
        folder = f"ansible.cpython-{version.replace('.', '')}"
        for name, bytecode in compiled(interpreter, [each for each in sources if each[0].startswith("ansible/")]):
            found[f"{name.replace('ansible', folder, 1)}c"] = bytecode
    return found


def compiled(interpreter: str, sources: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return bytecode for pairs of name and source; none if the interpreter, which may be gone, does not make it."""
    command = [interpreter, "-I", "-c", COMPILE]
    try:
        done = subprocess.run(command, input=marshal.dumps(sources, 4), stdout=subprocess.PIPE, check=True)
        codes: list[tuple[str, bytes]] = marshal.loads(done.stdout)  # noqa: S302 - from the user's own interpreter
    except (OSError, subprocess.CalledProcessError, EOFError, ValueError):
        return []
    return codes


def without_text(documentation: re.Match[bytes]) -> bytes:
    """Return what is left of a module's documentation: as many lines, so that all others keep their numbers."""
    return documentation[1] + b"\n" * documentation[0].count(b"\n") + documentation[2]


def forget(folder: str) -> None:
    """Remove the sets of payloads that were not used for longest."""
    sets = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in sets[KEPT_SETS:]:
        shutil.rmtree(entry.path, ignore_errors=True)
