"""gerrit_site on the control side: which file's hash the module gets, and what it never sees."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("gerrit_site_action", ROOT / "action_plugins/gerrit_site.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)

SHA = hashlib.sha256(b"a jar").hexdigest()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The action, whose remote commands run here, in a shell."""

    def command(text: str, in_data: bytes | None = None) -> dict[str, Any]:
        done = subprocess.run(["sh", "-c", text], input=in_data, capture_output=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}

    monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._loader = SimpleNamespace(path_dwim=str)
    plugin._low_level_execute_command = command
    return plugin


def test_a_file_of_the_control_side_is_sent_under_its_hash(plugin: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.jar"
    path.write_bytes(b"a jar")
    sent: dict[str, str] = {}
    assert plugin._hashed("it", {"name": "x", "path": str(path)}, sent) == {"name": "x", "sha256": SHA}
    assert sent == {SHA: str(path)}
    with pytest.raises(AnsibleActionFail, match=f"has the sha256 {SHA}, not 00 as declared"):
        plugin._hashed("it", {"name": "x", "path": str(path), "sha256": "00"}, sent)


@pytest.mark.parametrize("more", [{}, {"path": None}, {"path": ""}])
def test_the_module_never_sees_a_path(plugin: Any, more: dict[str, Any]) -> None:
    given = {"name": "x", "url": "https://example.org/x.jar", "sha256": SHA}
    assert plugin._hashed("it", given | more, {}) == given


@pytest.mark.parametrize("given", [{}, {"url": "https://example.org/x.war", "path": "x.war"}])
def test_a_file_has_one_source(plugin: Any, given: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail, match="it: needs one of url or path"):
        plugin._hashed("it", given, {})


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_a_file_is_sent_into_a_folder_of_root_alone_whatever_the_umask_is(
    plugin: Any, tmp_path: Path, umask: int
) -> None:
    path = tmp_path / "x.jar"
    path.write_bytes(b"a jar")
    before = os.umask(umask)
    try:
        plugin._send(str(path), f"{tmp_path}/cache/gerrit/{SHA}")
    finally:
        os.umask(before)
    assert (tmp_path / "cache/gerrit" / SHA).read_bytes() == b"a jar"
    assert [each.name for each in (tmp_path / "cache/gerrit").iterdir()] == [SHA]
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("cache", "cache/gerrit", f"cache/gerrit/{SHA}")]
    assert modes == [0o755, 0o700, 0o600]


def test_what_is_damaged_again_is_no_success(plugin: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.war"
    path.write_bytes(b"a jar")
    plugin._task = SimpleNamespace(args={"war": {"path": str(path)}})
    answer = {"changed": False, "changes": [], "missing": [SHA], "folder": f"{tmp_path}/cache"}
    calls: list[dict[str, Any]] = []
    plugin._execute_module = lambda module_args, **_: calls.append(module_args) or answer
    with pytest.raises(AnsibleActionFail, match=f"{path}: damaged on the way to the host: run it again"):
        plugin.run()
    assert calls == [{"war": {"sha256": SHA}}] * 2
