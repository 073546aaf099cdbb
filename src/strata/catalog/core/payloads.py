"""The files of modules, with all that they import, as Ansible packs them for a host."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
import zipfile
from base64 import b64decode
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.executor.module_common import _CachedModule, modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import callback_loader, module_loader, module_utils_loader
from ansible.release import __version__
from ansible.template import Templar

from strata.errors import StrataError
from strata.repository.inventory import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Of all files, so that the same ones make the same archive.
TIME = (1980, 1, 1, 0, 0, 0)

#: How the names of modules in folders, not in collections, begin.
LEGACY = "ansible.legacy."

#: Where modules are in archives; what they import is elsewhere.
PLACES = ("ansible/modules/", "ansible/legacy/", "ansible_collections/")
IMPORTED = "ansible/module_utils/"

#: So many archives are kept: one for each combination of modules and files used lately.
KEPT = 32


#: Says of each module the name by which it is imported, and which parts of Ansible it imports.
INDEX = "modules.json"


@dataclass(frozen=True)
class Packed:
    """An archive of the files of modules, and the modules that are in it."""

    content: bytes = field(repr=False)
    modules: frozenset[str]

    @cached_property
    def digest(self) -> str:
        """The archive's name, wherever it is kept."""
        return hashlib.sha256(self.content).hexdigest()


def packed(modules: Iterable[str], folder: Path) -> Packed:
    """Return one archive of the files of modules: always the same bytes for the same files.

    Args:
        modules: their full names; those that are not there, or are not Python, are left out.
        folder: where archives are kept for the next time; the user's own.

    Raises:
        StrataError: a module imports what is not there.

    """
    paths = {name: path for name in sorted(set(modules)) if (path := _path(name)) is not None}
    keeper: Any = callback_loader.get("kept_payloads")
    keeper.set_options()
    kept = folder / _key(paths, keeper.interpreters)
    if not kept.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as unfinished:
            unfinished.write(_archive(paths, keeper))
        Path(unfinished.name).rename(kept)
    kept.touch()
    for other in sorted(folder.iterdir(), key=lambda path: -path.stat().st_mtime)[KEPT:]:
        other.unlink(missing_ok=True)
    content = kept.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return Packed(content, frozenset(json.loads(archive.read(INDEX))))


def _path(module: str) -> Path | None:
    found = module_loader.find_plugin_with_context(module)
    return Path(found.plugin_resolved_path) if found.resolved and found.plugin_resolved_path else None


def _key(paths: dict[str, Path], interpreters: dict[str, str]) -> str:
    """Return a digest of what archives are made of: versions, and the files of modules and of what they import."""
    made = repr((__version__, sys.version, interpreters, Path(__file__).read_bytes()))
    digest = hashlib.sha256(made.encode())
    folders = [Path(folder) for folder in module_utils_loader._get_paths(subdirs=False)]  # noqa: SLF001 - it has no public name
    own = [folder for folder in folders if not folder.is_relative_to(Path(constants.__file__).parent)]
    for path in (*paths.values(), *(path for folder in own for path in sorted(folder.rglob("*.py")))):
        digest.update(repr((str(path), path.read_bytes())).encode())
    digest.update(repr(list(paths)).encode())
    return digest.hexdigest()


def _archive(paths: dict[str, Path], keeper: Any) -> bytes:
    files: dict[str, bytes] = {}
    index = {}
    for module, path in paths.items():
        own = _files(module, path)
        name = next((name for name in own if _is_module(name, path)), None)
        if name is not None:
            files.update(own)
            imports = sorted(_dotted(each) for each in own if each.startswith(IMPORTED) and each.endswith(".py"))
            index[module] = {"name": _dotted(name), "imports": imports}
    if files:
        files = sys.modules[type(keeper).__module__].with_bytecode(files, keeper.interpreters)
    files[INDEX] = json.dumps(index, sort_keys=True).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, TIME), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _is_module(name: str, path: Path) -> bool:
    return name.startswith(PLACES) and name.endswith(f"/{path.name}") and "/module_utils/" not in name


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _files(module: str, path: Path) -> dict[str, bytes]:
    """Return what Ansible packs for a module, by name, nothing if it is not Python; it does so in its own folder.

    Raises:
        StrataError: the module imports what is not there.

    """
    before = constants.DEFAULT_LOCAL_TMP
    with tempfile.TemporaryDirectory() as folder:
        constants.DEFAULT_LOCAL_TMP = folder
        try:
            modify_module(
                module_name=module.removeprefix(LEGACY),
                module_path=str(path),
                module_args={},
                templar=Templar(DataLoader()),
                task_vars={"ansible_python_interpreter": "/usr/bin/python3"},
                module_compression="ZIP_STORED",
            )
        except AnsibleError as error:
            raise StrataError(f"the module {module} cannot be packed: {sentence(error)}") from None
        finally:
            constants.DEFAULT_LOCAL_TMP = before
        payloads = [each for each in Path(folder, "ansiballz_cache").glob("*") if each.suffix != ".lock"]
        if not payloads:
            return {}
        with zipfile.ZipFile(io.BytesIO(b64decode(_CachedModule.load(str(payloads[0])).zip_data))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
