"""gerrit_site on the control side: which file's hash the module gets, and what it never sees."""

from __future__ import annotations

import hashlib
import importlib.util
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
def plugin() -> Any:
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._loader = SimpleNamespace(path_dwim=str)
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
