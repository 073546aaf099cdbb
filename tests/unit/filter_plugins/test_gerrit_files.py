"""gerrit_files: what the parameters of the role say of a site's files, as the module takes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("gerrit_files", ROOT / "filter_plugins/gerrit_files.py")
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
gerrit_files = plugin.FilterModule().filters()["gerrit_files"]


def test_nothing_makes_nothing() -> None:
    assert gerrit_files([], [], [], [], []) == []


def test_texts_without_content_are_left_out() -> None:
    texts = [
        {"path": "etc/a", "content": "", "origin": "x"},
        {"path": "etc/b", "content": "b", "origin": "x"},
        {"path": "etc/c", "secret_content": "", "mode": "0600", "origin": "x"},
        {"path": "etc/d", "secret_content": "d", "mode": "0600", "origin": "x"},
    ]
    assert gerrit_files(texts, [], [], [], []) == [texts[1], texts[3]]


def test_each_parameter_says_where_its_files_are() -> None:
    key = {"type": "ed25519", "private": "secret\n", "public": "ssh-ed25519 AAAA"}
    file = {"path": "etc/mail/x.soy", "content": "z", "mode": "0640"}
    hooks, static = [{"name": "ref-updated", "content": "#!"}], [{"path": "a/b.html", "content": "y"}]
    assert gerrit_files([], [key], hooks, static, [file]) == [
        {
            "path": "etc/ssh_host_ed25519_key",
            "secret_content": "secret\n",
            "mode": "0600",
            "origin": "gerrit_ssh_host_keys",
        },
        {
            "path": "etc/ssh_host_ed25519_key.pub",
            "content": "ssh-ed25519 AAAA\n",
            "origin": "gerrit_ssh_host_keys",
        },
        {"path": "hooks/ref-updated", "content": "#!", "mode": "0755", "origin": "gerrit_hooks"},
        {"path": "static/a/b.html", "content": "y", "origin": "gerrit_static_files"},
        {"path": "etc/mail/x.soy", "content": "z", "mode": "0640", "origin": "gerrit_files"},
    ]
    assert "origin" not in file
