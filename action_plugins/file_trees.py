"""Folders of the control side on a host: walk and hash them here, and send only what the host says that it lacks."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import re
import shlex
import stat
import tarfile
import tempfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TREE = {
    "src": {"type": "str", "required": True},
    "dest": {"type": "str", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "file_mode": {"type": "str", "default": "0644"},
    "dir_mode": {"type": "str", "default": "0755"},
    "include": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "purge": {"type": "bool", "default": False},
    "validate": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"pattern": {"type": "str", "required": True}, "command": {"type": "str", "required": True}},
    },
    "commands": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "pattern": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
        },
    },
    "origin": {"type": "str", "default": ""},
}
ARGUMENTS = {"root": {"type": "path"}, "trees": {"type": "list", "elements": "dict", "options": TREE, "required": True}}


#: The most that is sent in a call's arguments, of which Ansible has several copies in memory.
INLINE = 4 << 20

#: The most that is sent at once as a command's input, of which it has one.
PART = 64 << 20

#: As in module_utils/strata/trees/declared.py.
LEVELS = 200


class SourceError(Exception):
    """A tree that cannot be copied; its text is one sentence for the user."""


class Source:
    """A folder of the control side: `wants` is what a host shall have of it, `files` where the contents are."""

    def __init__(self, tree: dict[str, Any], root: str | None) -> None:
        """Walk and hash the folder.

        Raises:
            SourceError: the tree's parameters or something in its folder cannot be copied.

        """
        self.tree = tree
        self.name = f"the tree {_show(tree['dest'])}" + (f" of {tree['origin']}" if tree["origin"] else "")
        self.dest = self._dest()
        self.file_mode = self._mode("file_mode")
        self.dir_mode = self._mode("dir_mode")
        self._check_commands()
        self.included, self.excluded = _matcher(tree["include"]), _matcher(tree["exclude"])
        self.src = self._src(root)
        self.real = os.path.realpath(self.src)
        self.wants: list[tuple[str, str, int, str, int]] = [("", "dir", self.dir_mode, "", 0)]
        self.files: dict[str, str] = {}
        try:
            self._walk("", chosen=not tree["include"])
        except OSError as error:
            raise SourceError(f"{self.name}: {_show(os.fsdecode(error.filename))}: {error.strerror}") from error
        if tree["include"] and len(self.wants) == 1:
            # With purge, a slip in a pattern would empty the host's folder.
            raise SourceError(f"{self.name}: include matches nothing in src {_show(self.src)}")

    def packed(self) -> dict[str, Any]:
        """Return the tree as it is sent to the host."""
        kept = {key: self.tree[key] for key in ("owner", "group", "exclude", "purge", "validate", "commands", "origin")}
        return {**kept, "dest": self.dest, "wants": self.wants}

    def _dest(self) -> str:
        dest = self.tree["dest"]
        parts = [part for part in dest.split("/") if part not in ("", ".")]
        if not dest.startswith("/") or ".." in parts or "\0" in dest or not parts:
            raise SourceError(f"{self.name}: dest must be an absolute path without '..', and not the root")
        return "/" + "/".join(parts)

    def _check_commands(self) -> None:
        for check in self.tree["validate"]:
            try:
                words = shlex.split(check["command"])
            except ValueError as error:
                raise SourceError(f"{self.name}: validate command {check['command']}: {error}") from None
            if not any("%s" in word for word in words[1:]):
                raise SourceError(f"{self.name}: validate command {check['command']!r} needs %s, for the file")
        for entry in self.tree["commands"]:
            if not entry["command"]:
                raise SourceError(f"{self.name}: the command for {_show(entry['pattern'])} is empty")

    def _mode(self, key: str) -> int:
        mode = self.tree[key]
        if not re.fullmatch("[0-7]{3,4}", mode):
            raise SourceError(f"{self.name}: {key} must be an octal number in quotes like '0644', and is {mode!r}")
        return int(mode, 8)

    def _src(self, root: str | None) -> str:
        src: str = self.tree["src"]
        if not os.path.isabs(src):
            if root is None:
                raise SourceError(f"{self.name}: src {_show(src)} is relative, and root is not set")
            src = os.path.join(root, src)
        src = os.path.normpath(src)
        if not os.path.isdir(src):
            what = "is not a folder" if os.path.exists(src) else "does not exist"
            raise SourceError(f"{self.name}: src {_show(src)} {what}")
        return src

    def _walk(self, parent: str, *, chosen: bool) -> None:
        """Add what is in a folder; if that is not `chosen`, only what the patterns include, with the folders above."""
        with os.scandir(os.path.join(self.src, parent)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{parent}/{entry.name}" if parent else entry.name
            if entry.name == ".git" or self.excluded(path):
                continue
            wanted = chosen or bool(self.included(path))
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                if path.count("/") >= LEVELS:
                    raise SourceError(f"{self.name}: {_show(entry.path)} is deeper than {LEVELS} folders: exclude it")
                before = len(self.wants)
                self.wants.append((path, "dir", self.dir_mode, "", 0))
                self._walk(path, chosen=wanted)
                if not wanted and len(self.wants) == before + 1:
                    self.wants.pop()
            elif not wanted:
                continue
            elif stat.S_ISLNK(info.st_mode):
                self.wants.append((path, "link", 0, self._target(entry.path, path), 0))
            elif stat.S_ISREG(info.st_mode):
                self._file(entry.path, path, info.st_mode)
            else:
                raise SourceError(f"{self.name}: {_show(entry.path)} is neither a file, a folder nor a link")

    def _file(self, full: str, path: str, mode: int) -> None:
        with open(full, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
        executable = (self.file_mode & 0o444) >> 2 if mode & stat.S_IXUSR else 0
        self.wants.append((path, "file", self.file_mode | executable, digest, size))
        self.files[digest] = full

    def _target(self, full: str, path: str) -> str:
        """Return a link's target, if it stays inside the tree both as it is written and as it is followed."""
        target = os.readlink(full)
        written = os.path.normpath(os.path.join(os.path.dirname(path), target))
        followed = os.path.realpath(os.path.join(os.path.dirname(full), target))
        inside = followed == self.real or followed.startswith(self.real.rstrip("/") + "/")
        if os.path.isabs(target) or written.split("/")[0] == ".." or not inside:
            raise SourceError(f"{self.name}: the link {_show(full)} leads out of the tree, to {_show(target)}")
        return target


def manifest(sources: Iterable[Source]) -> str:
    """Return the trees in the form in which the module reads them: 10,000 files take about 0.5 MB."""
    text = json.dumps([source.packed() for source in sources], separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"))).decode("ascii")


def archive(sources: Iterable[Source], missing: Iterable[str], packed: IO[bytes]) -> None:
    """Write a tar.gz of the contents that the host lacks, each named by its sha256, to `packed`.

    Raises:
        SourceError: a file is not what it was when it was hashed.

    """
    lacking = set(missing)
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=4) as tar:
        for source in sources:
            for digest in [digest for digest in source.files if digest in lacking]:
                lacking.remove(digest)
                full = source.files[digest]
                try:
                    with open(full, "rb") as stream:
                        member = tarfile.TarInfo(digest)
                        member.size = os.fstat(stream.fileno()).st_size
                        hashed = hashlib.file_digest(stream, "sha256").hexdigest()
                        stream.seek(0)
                        tar.addfile(member, stream)
                except OSError as error:
                    raise SourceError(f"{source.name}: {_show(full)}: {error.strerror or error}") from error
                if hashed != digest:
                    raise SourceError(f"{source.name}: {_show(full)} was changed during the run: run it again")
                tar.members = []  # type: ignore[attr-defined]  # else it keeps them all


def _matcher(patterns: list[str]) -> Callable[[str], object]:
    return re.compile("|".join(fnmatch.translate(pattern.rstrip("/")) for pattern in patterns) or r"(?!)").fullmatch


def _show(path: str) -> str:
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _plain(value: Any) -> Any:
    """Return a parameter without Ansible's tags, which slow down each use of it."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return "".join(value) if isinstance(value, str) else value


class ActionModule(ActionBase):
    """Compare in a first remote call; send the contents that are missing, if any, in a second one."""

    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        for tree in self._task.args.get("trees") or ():
            for key in ("file_mode", "dir_mode"):
                # YAML reads 0644 as 420, which would pass for an octal number.
                if isinstance(tree, dict) and isinstance(tree.get(key), int):
                    return result | {"failed": True, "msg": f"the tree {tree.get('dest')}: {key} must be in quotes"}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        arguments = _plain(arguments)
        if not arguments["trees"]:
            nothing = ("changes", "trees", "changed_files", "removed_files", "commands")
            return result | {"changed": False, **{key: [] for key in nothing}}
        try:
            sources = [Source(tree, arguments["root"]) for tree in arguments["trees"]]
            sent = {"manifest": manifest(sources)}
            answer = self._call(sent, task_vars)
            if "missing" in answer:
                answer = self._call(sent | self._contents(sources, answer), task_vars)
        except SourceError as error:
            return result | {"failed": True, "msg": str(error)}
        return result | answer

    def _contents(self, sources: list[Source], answer: dict[str, Any]) -> dict[str, Any]:
        """Return the argument that carries what the host lacks; what is too big for one is uploaded before."""
        with tempfile.TemporaryFile() as packed:
            archive(sources, answer["missing"], packed)
            size = packed.tell()
            packed.seek(0)
            if size <= INLINE:
                return {"archive": base64.b64encode(packed.read()).decode("ascii")}
            path = shlex.quote(answer["upload"])
            # The folder is as the module would make it, whatever the login's umask is.
            folder = shlex.quote(os.path.dirname(answer["upload"]))
            start = f"umask 022 && mkdir -p {folder} && umask 077 && : >{path} && "
            for data in iter(lambda: packed.read(PART), b""):
                command = f"{start}cat >>{path} || {{ rm -f {path}; false; }}"
                done = self._low_level_execute_command(command, in_data=data)
                if done["rc"]:
                    names = ", ".join(source.name for source in sources)
                    raise SourceError(
                        f"the contents of {names} cannot be sent: {(done['stderr'] or done['stdout']).strip()}"
                    )
                start = ""
        return {"uploaded": answer["upload"]}

    def _call(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        answer.pop("invocation", None)
        return answer
