"""The commands after files changed, also those that a run before this one owes."""

import base64
import json
import os
import sys
import zlib
from pathlib import Path

import pytest
from ansible.module_utils.strata.trees.commands import Commands
from ansible.module_utils.strata.trees.declared import TreeError

from .sample import bring, call, listing, manifest, pack, sha


def command(*words: str, pattern: str = "*") -> dict[str, object]:
    return {"commands": [{"pattern": pattern, "command": list(words)}]}


def test_a_command_gets_what_changed_once(tmp_path: Path, state: Path) -> None:
    out = tmp_path / "out"
    dest = tmp_path / "dest"
    entry = command("sh", "-c", f"cat >>{out}")
    done = bring(dest, "A", **entry)
    assert done["commands"] == [f"sh -c 'cat >>{out}'"]
    assert done["diff"][-1] == {"prepared": f"! sh -c 'cat >>{out}'\n"}
    assert out.read_bytes() == os.fsencode(dest) + b"/f\xff\0"
    again = bring(dest, **entry)
    assert (again["changed"], again["commands"]) == (False, [])
    assert out.read_bytes().count(b"\0") == 1
    assert not state.exists()


def test_a_command_that_matches_nothing_is_not_run(tmp_path: Path) -> None:
    done = bring(tmp_path, "A", **command("false", pattern="*.conf"))
    assert (done["changed"], done["commands"]) == (True, [])


def test_a_command_that_failed_is_owed(tmp_path: Path) -> None:
    dest, flag, out = tmp_path / "dest", tmp_path / "flag", tmp_path / "out"
    entry = command("sh", "-c", f"cat >{out}; test -e {flag} || {{ echo no luck; false; }}")
    with pytest.raises(TreeError, match=r"the tree .* of here: the command sh .* tries again, failed: no luck"):
        bring(dest, "A", **entry)
    assert listing(dest) == {"f\udcff": "A"}
    out.unlink()
    predicted = call(manifest(dest, **entry), None, check=True, with_diff=False)
    assert predicted["changed"]
    assert not out.exists()
    flag.touch()
    done = bring(dest, **entry)
    assert done["changed"]
    assert out.read_bytes() == os.fsencode(dest) + b"/f\xff\0"
    assert not bring(dest, **entry)["changed"]


def test_a_command_that_a_killed_run_owed_is_run(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dest, out = tmp_path / "dest", tmp_path / "out"
    entry = command("touch", str(out))
    with monkeypatch.context() as patch:
        patch.setattr(Commands, "run", lambda _: sys.exit(9))
        with pytest.raises(SystemExit):
            bring(dest, "A", **entry)
    assert [path.name for path in state.iterdir()] == [f"owed-{sha(str(dest))[:16]}"]
    assert not bring(dest, **command("true"))["changed"], "what is no longer asked for is not owed"
    assert bring(dest, **entry)["changed"]
    assert out.exists()


def test_a_command_of_two_trees_is_run_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    entries = [
        json.loads(
            zlib.decompress(base64.b64decode(manifest(tmp_path / name, **command("sh", "-c", f"xargs -0 >>{out}"))))
        )[0]
        for name in "ab"
    ]
    both = base64.b64encode(zlib.compress(json.dumps(entries).encode())).decode()
    call(both, base64.b64encode(pack("A")).decode(), check=False, with_diff=False)
    assert out.read_bytes() == os.fsencode(f"{tmp_path}/a/") + b"f\xff " + os.fsencode(f"{tmp_path}/b/") + b"f\xff\n"
