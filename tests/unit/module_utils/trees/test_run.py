"""The module on the host: what it is sent, what it answers."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import file_trees
import pytest
from ansible.module_utils import basic
from ansible.module_utils.strata import locks
from ansible.module_utils.strata.trees import contents

from .sample import bring, call, listing, manifest, pack, sha


def test_the_first_call_asks_and_touches_nothing(tmp_path: Path, state: Path) -> None:
    answer = call(manifest(tmp_path), None, check=False, with_diff=False)
    upload = answer.pop("upload")
    assert answer == {"changed": False, "changes": [], "diff": [], "missing": [sha("A")]}
    assert listing(tmp_path) == {}
    again = call(manifest(tmp_path), None, check=False, with_diff=False)
    assert again["upload"].startswith(f"{state}-upload-")
    assert again["upload"] != upload, "another run would write to the same file"


def test_the_second_call_brings_names_exactly(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    packed = base64.b64encode(pack("A")).decode()
    answer = call(manifest(tmp_path), packed, check=False, with_diff=True)
    assert answer["changed"]
    assert answer["changes"] == [f"{tmp_path}: 1 created"]
    assert answer["changed_files"] == [f"{tmp_path}/f\\xff"]
    assert answer["diff"] == [{"prepared": f"{tmp_path}:\n+ f\\xff\n"}]
    assert os.listdir(os.fsencode(tmp_path)) == [b"f\xff"]  # noqa: PTH208 - bytes
    assert call(manifest(tmp_path), None, check=False, with_diff=False)["changed"] is False


def run_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **parameters: str
) -> dict[str, Any]:
    """Return what the module prints when Ansible runs it."""
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": parameters}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
    with pytest.raises(SystemExit):
        file_trees.main()
    return json.loads(capsys.readouterr().out)


def test_an_error_of_the_system_is_a_sentence_with_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = run_module(monkeypatch, capsys, manifest=manifest(tmp_path), uploaded=f"{tmp_path}/gone")
    assert answer["msg"] == f"the trees cannot be copied: No such file or directory: {tmp_path}/gone"


def test_a_second_run_waits_but_not_in_check_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    upload = Path(contents.upload())
    upload.write_bytes(pack("A"))
    with locks.exclusive("file_trees", check_mode=False):
        answer = run_module(monkeypatch, capsys, manifest=manifest(tmp_path), uploaded=str(upload))
        assert answer["failed"]
        assert answer["msg"].startswith("another run has been changing file_trees on this host for 0.1 s: wait until")
        assert not upload.exists()
        assert call(manifest(tmp_path), None, check=True, with_diff=False)["changed"]
    assert listing(tmp_path) == {}
    assert bring(tmp_path, "A")["changed"]


def test_check_mode_predicts_and_touches_nothing(tmp_path: Path) -> None:
    dest = tmp_path / "new"
    predicted = call(manifest(dest), None, check=True, with_diff=True)
    assert not dest.exists()
    done = call(manifest(dest), base64.b64encode(pack("A")).decode(), check=False, with_diff=True)
    assert predicted == done
