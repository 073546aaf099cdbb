"""Changed settings of apt are tried in a copy of /etc/apt, while those of the host stay in force."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, folders, paths
from ansible.module_utils.strata.apt import keys, lists
from ansible.module_utils.strata.apt.host import AptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible.module_utils.strata.apt.output import Result
    from ansible.module_utils.strata.apt.sources import Source
    from ansible.module_utils.strata.apt.tools import Tools

ETC = "/etc/apt"

# Hooks of the host are for its own lists.
_NO_HOOKS = "".join(f"#clear APT::Update::{name};\n" for name in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"))
_NO_CACHE = ("--option=Dir::Cache::pkgcache=", "--option=Dir::Cache::srcpkgcache=")
_POLICY = ["apt-cache", *_NO_CACHE, "policy"]
_COMPRESSED = re.compile(r"\.(lz4|xz|gz|bz2|zst|lzma)$")


class Stage:
    """A copy of /etc/apt, in which changes are already made."""

    def __init__(self, folder: str, tools: Tools, changes: Iterable[files.Change]) -> None:
        """Make it in an empty folder."""
        self.folder = folder
        self.tools = tools
        self.changes = list(changes)
        for place, _, names in os.walk(ETC, followlinks=True):
            os.makedirs(folder + place, exist_ok=True)
            for name in names:
                os.symlink(f"{place}/{name}", f"{folder}{place}/{name}")
        files.apply(files.Change(folder + change.path, None, self._moved(change.after)) for change in self.changes)
        self._write(f"{ETC}/apt.conf.d/zzz-strata-stage", _NO_HOOKS)
        self._write("/apt.conf", f'Dir::Etc "{folder}{ETC}/";\n')

    def check(self, origins: Mapping[str, str]) -> None:
        """Let apt read all settings, without asking any mirror.

        Args:
            origins: who asked for a file, by path.

        Raises:
            AptError: apt does not understand them.

        """
        result = self._run(_POLICY)
        if result.status:
            said = self._said(result)
            askers = dict.fromkeys(asker for path, asker in origins.items() if path in said)
            who = f" ({', '.join(askers)})" if any(askers) else ""
            raise AptError(f"apt does not understand its settings{who}: {said}; nothing was changed")

    def check_same(self) -> None:
        """Check that all packages have the same sources with the same priorities as before.

        Raises:
            AptError: they don't.

        """
        before, after = (
            sorted(result.output.splitlines()) for result in (self.tools.read(_POLICY), self._run(_POLICY))
        )
        if lost := sorted(set(before).symmetric_difference(after)):
            raise AptError(
                f"after the migration apt would not see the same packages: {'; '.join(map(str.strip, lost))}"
            )

    def verify(self, sources: Sequence[Source]) -> None:
        """Fetch the lists of some sources, into the stage.

        Raises:
            AptError: a source does not answer, or its signature is wrong.

        """
        for source in sources:
            self._write(f"/changed/{source.name}.sources", self._at_stage(source.text))
        places = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": f"{self.folder}/changed",
            "Dir::State::lists": f"{self.folder}/lists",
            "APT::Update::Error-Mode": "any",
        }
        options = [f"--option={name}={value}" for name, value in places.items()]
        os.makedirs(f"{self.folder}/lists/partial")
        result = self._run(["apt-get", "-q", *_NO_CACHE, *options, "update"])
        if result.status:
            said = self._said(result, warnings=True)
            guilty = [source for source in sources if any(uri.rstrip("/") in said for uri in source.uris)] or sources
            names = ", ".join(map(str, guilty))
            raise AptError(f"apt refuses the source {names}: {said}; the old sources stay in force")

    def install_lists(self) -> None:
        """Put the lists that were fetched beside those of the other sources."""
        staged = f"{self.folder}/lists"
        with self.tools.locked(lists.LOCK):
            info = os.stat(lists.FOLDER)
            for name in os.listdir(staged):
                if name == "lock" or not os.path.isfile(f"{staged}/{name}"):
                    continue
                _install(f"{staged}/{name}", name)
                for other in os.listdir(lists.FOLDER):
                    if other != name and _COMPRESSED.sub("", other) == _COMPRESSED.sub("", name):
                        os.unlink(f"{lists.FOLDER}/{other}")
            # The age of the other sources' lists.
            os.utime(lists.FOLDER, ns=(info.st_atime_ns, info.st_mtime_ns))

    def _run(self, command: list[str]) -> Result:
        return self.tools.read(command, APT_CONFIG=f"{self.folder}/apt.conf")

    def _said(self, result: Result, *, warnings: bool = False) -> str:
        return keys.without_passwords(result.reason(warnings=warnings)).replace(self.folder, "")

    def _moved(self, state: files.State) -> files.State:
        if not isinstance(state, files.File):
            return state
        return replace(state, content=self._at_stage(state.content.decode("latin-1")).encode("latin-1"))

    def _at_stage(self, text: str) -> str:
        for change in self.changes:
            if change.path.startswith(keys.FOLDER):
                text = text.replace(change.path, self.folder + change.path)
        return text

    def _write(self, path: str, text: str) -> None:
        files.apply([files.Change(self.folder + path, None, files.File(text.encode()))])


def _install(path: str, name: str) -> None:
    """Put a list in its place with its age. It never is in `partial`, which belongs to the user who fetches."""
    with open(path, "rb") as source, folders.opened(lists.FOLDER, links=True) as folder:
        info = os.fstat(source.fileno())
        with files.replacing(name, folder, 0o644, os.geteuid(), os.getegid()) as target:
            shutil.copyfileobj(source, target)
        os.utime(name, ns=(info.st_atime_ns, info.st_mtime_ns), dir_fd=folder)


@contextlib.contextmanager
def staged(tools: Tools, changes: Iterable[files.Change], *, check_mode: bool) -> Iterator[Stage]:
    """Give a stage with changes, for a time; what a killed run left of its own goes too."""
    if check_mode:
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            yield Stage(folder, tools, changes)
        return
    work = f"{paths.CACHE}/apt"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        yield Stage(work, tools, changes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
