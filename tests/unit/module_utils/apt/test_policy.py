"""Services of new packages are kept from starting, and no others."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from ansible.module_utils.strata.apt import policy
from ansible.module_utils.strata.apt.host import AptError


def test_policy_that_a_killed_run_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    with contextlib.suppress(KeyboardInterrupt), policy.services_wait(["rsync"]):
        left = (tmp_path / "policy-rc.d").read_bytes()
        raise KeyboardInterrupt
    (tmp_path / "policy-rc.d").write_bytes(left)
    (tmp_path / "policy-rc.d").chmod(0o755)
    (change,) = policy.left_behind()
    assert change.after is None


def test_policy_that_cannot_be_removed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(policy.files, "undo", lambda _: ["/a: Read-only file system"])
    with pytest.raises(AptError, match="may not start, as this is left: /a: Read-only"), policy.services_wait(["a"]):
        pass


@pytest.mark.parametrize(
    ("new", "package", "expected"),
    [("a rsync", "rsync", 101), ("a rsync", "syn", 0), ("a rsync", "", 0), ("", "rsync", 0)],
)
def test_policy_forbids_new_packages_only(tmp_path, new, package, expected):
    path = tmp_path / "policy"
    path.write_bytes(policy.POLICY.content)
    environment = {"STRATA_NEW_PACKAGES": new, "DPKG_MAINTSCRIPT_PACKAGE": package}
    assert subprocess.run(["sh", path, "x.service", "start"], env=environment, check=False).returncode == expected
