"""A host whose files are all in a folder of the test."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.strata import paths
from ansible.module_utils.strata.certificates import declared, host, pairs, plan, run

from .fake import Host

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="host")
def host_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    if os.getuid():
        pytest.skip("gives files to root, which only root can")
    for module in (declared, host, plan, run):
        monkeypatch.setattr(module, "FOLDER", str(tmp_path / "tls"))
    for module in (host, plan):
        monkeypatch.setattr(module, "ROOTS", str(tmp_path / "roots/strata-"))
    for module in (pairs, run):
        monkeypatch.setattr(module, "PENDING", str(tmp_path / "pending"))
    monkeypatch.setattr(host, "BUNDLE", str(tmp_path / "bundle"))
    for name in ("FACTS", "OWED"):
        monkeypatch.setattr(paths, name, str(tmp_path / name.lower()))
    monkeypatch.setattr(run.shutil, "which", lambda name: f"/usr/bin/{name}")
    return Host(tmp_path)
