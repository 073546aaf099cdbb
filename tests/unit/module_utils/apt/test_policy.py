"""Services of new packages are kept from starting, and no others."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from ansible.module_utils.strata.apt import policy


def test_policy_that_a_killed_run_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    with contextlib.suppress(KeyboardInterrupt), policy.services_wait(["rsync"]):
        left = (tmp_path / "policy-rc.d").read_bytes()
        raise KeyboardInterrupt
    (tmp_path / "policy-rc.d").write_bytes(left)
    (tmp_path / "policy-rc.d").chmod(0o755)
    (change,) = policy.left_behind()
    assert change.after is None


@pytest.mark.parametrize(
    ("new", "package", "expected"),
    [("a rsync", "rsync", 101), ("a rsync", "syn", 0), ("a rsync", "", 0), ("", "rsync", 0)],
)
def test_policy_forbids_new_packages_only(tmp_path, new, package, expected):
    path = tmp_path / "policy"
    path.write_bytes(policy.POLICY.content)
    environment = {"STRATA_NEW_PACKAGES": new, "DPKG_MAINTSCRIPT_PACKAGE": package}
    assert subprocess.run(["sh", path, "x.service", "start"], env=environment, check=False).returncode == expected
