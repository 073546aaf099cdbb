"""The age of the package lists."""

from __future__ import annotations

import os

from ansible.module_utils.strata.apt import lists


def test_age_of_lists(tmp_path, monkeypatch):
    folder = tmp_path / "lists"
    monkeypatch.setattr(lists, "FOLDER", str(folder))
    monkeypatch.setattr(lists, "STAMP", str(tmp_path / "stamp"))
    assert lists.age() == float("inf")
    (folder / "partial").mkdir(parents=True)
    (folder / "lock").touch()
    assert lists.age() == float("inf")
    (folder / "example.org_debian_dists_trixie_InRelease").touch()
    assert lists.age() < 60
    for path in (folder, folder / "partial"):
        os.utime(path, (0, 0))
    assert lists.age() > 60
    (tmp_path / "stamp").touch()
    assert lists.age() < 60
