"""Sandboxes that are booted and removed at the same time, and keys that were half made; no container is started."""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from strata.sandbox import hosts
from strata.sandbox.hosts import Sandbox, make_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_who_removes_waits_for_who_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    booting, waiting, may_end = threading.Event(), threading.Event(), threading.Event()

    def boot(_sandbox: Sandbox) -> None:
        booting.set()
        may_end.wait(60)
        done.append("up")

    @contextmanager
    def said(what: str) -> Iterator[None]:
        assert what == "waiting for another process that boots or removes one"
        waiting.set()
        yield

    monkeypatch.setattr(hosts, "STATE", tmp_path)
    monkeypatch.setattr(hosts, "step", said)
    monkeypatch.setattr(Sandbox, "_up", boot)
    monkeypatch.setattr(Sandbox, "_down", lambda sandbox: done.append(f"down {sandbox.name}"))
    up, down = threading.Thread(target=Sandbox("one").up), threading.Thread(target=Sandbox("one").down)
    up.start()
    assert booting.wait(60)
    down.start()
    assert waiting.wait(60)
    Sandbox("other").down()
    assert done == ["down other"]
    may_end.set()
    up.join()
    down.join()
    assert done == ["down other", "up", "down one"]


@pytest.mark.parametrize("left", [None, "", "half a key"])
def test_a_key_that_was_half_made_is_made_anew(tmp_path: Path, left: str | None) -> None:
    key = tmp_path / "key"
    if left is not None:
        key.write_text(left)
    make_key(key, "of a test")
    made = key.read_text()
    public = subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "key.pub").read_text() == public
    assert key.stat().st_mode & 0o777 == 0o600
    make_key(key, "of a test")
    assert key.read_text() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]
