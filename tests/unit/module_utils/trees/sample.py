"""Trees and contents for tests, and what brings them to a folder."""

import base64
import hashlib
import io
import json
import os
import tarfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible.module_utils.strata.trees import host, plan, run, write
from ansible.module_utils.strata.trees.declared import Tree, Want, above

ME = {"uid": os.getuid(), "gid": os.getgid()}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def want(text: str, mode: int = 0o644) -> Want:
    return Want("file", mode, sha(text), len(text))


def tree(dest: object, /, purge: bool = False, origin: str = "", exclude: tuple[str, ...] = (), **wants: Want) -> Tree:
    """Return a tree; in its names, "__" stands for a slash."""
    named = {name.replace("__", "/"): value for name, value in wants.items()}
    folders = {folder: Want("dir") for name in named for folder in above(name)}
    wants = {"": Want("dir")} | folders | named
    return Tree(str(dest), str(dest), wants, purge=purge, origin=origin, exclude=exclude, **ME)


def pack(*texts: str, names: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in {**{sha(text): text for text in texts}, **(names or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def plans(*wanted: Tree) -> list[plan.Plan]:
    trees = plan.resolve_overlaps(wanted)
    return [plan.plan(each, host.scan(each, trees)) for each in trees]


def converge(*wanted: Tree, texts: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Apply the trees, check that nothing is left to do, and return what was done."""
    planned = plans(*wanted)
    write.apply(planned, io.BytesIO(pack(*texts)))
    assert [each.steps for each in plans(*wanted)] == [[] for _ in wanted]
    return [(step.action, step.path) for each in planned for step in each.steps]


def listing(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        text = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
        found[str(path.relative_to(folder))] = text
    return found


def manifest(dest: Path, **changes: object) -> str:
    wants = [["", "dir", 0o755, "", 0], ["f\udcff", "file", 0o644, sha("A"), 1]]
    packed = {"dest": str(dest), "owner": str(os.getuid()), "group": str(os.getgid()), "exclude": [], "purge": False}
    packed |= {"validate": [], "commands": []}
    text = json.dumps([packed | {"origin": "here", "wants": wants} | changes])
    return base64.b64encode(zlib.compress(text.encode())).decode()


def call(
    manifest: str, archive: str | None, *, check: bool, with_diff: bool, uploaded: str | None = None
) -> dict[str, Any]:
    """Return what the module says to these parameters."""
    params = {"manifest": manifest, "archive": archive, "uploaded": uploaded}
    return run.converge(SimpleNamespace(params=params, check_mode=check, _diff=with_diff))


def bring(dest: Path, *texts: str, **changes: object) -> dict[str, Any]:
    """Run the module with the contents, as its second call does."""
    packed = base64.b64encode(pack(*texts)).decode() if texts else None
    return call(manifest(dest, **changes), packed, check=False, with_diff=True)
