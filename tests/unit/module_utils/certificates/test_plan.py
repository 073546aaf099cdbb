"""The plan for certificates: which files go, and which units must know."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.certificates.declared import CertificatesError

from .fake import OWN, WEB, Host, restarted


def test_what_is_declared_no_longer_goes(host: Host) -> None:
    host.converge(WEB, OWN)
    (host.folder / "tls/foreign.crt").write_text("x")
    key = (host.folder / "tls/web.key").read_text().splitlines()
    diff = str(host.converge(OWN)["diff"])
    assert "(secret content" in diff
    assert not any(line in diff for line in key)
    assert sorted(path.name for path in (host.folder / "tls").iterdir()) == [
        "ca.crt",
        "foreign.crt",
        "own.crt",
        "own.key",
    ]
    host.converge(ca=False)
    assert set(host.files()) == {"tls/foreign.crt", "bundle"}
    assert not (host.folder / "bundle").read_text()
    assert not host.call(ca=False)["changed"]


def test_units_that_do_not_run_are_left_alone(host: Host) -> None:
    host.shown = "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nCanReload=yes\n"
    host.converge(WEB, OWN)
    assert host.commands == ["update-ca-certificates --fresh"]


def test_a_unit_that_knows_no_reload_is_named_in_time(host: Host) -> None:
    host.shown = "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nCanReload=no\n"
    with pytest.raises(CertificatesError, match="web cannot be reloaded: its action must be restart"):
        host.call(WEB)
    assert host.converge(OWN)["changed"]


def test_a_unit_that_two_certificates_name_is_told_once(host: Host) -> None:
    both = [
        OWN | {"name": name, "units": [{"name": "own", "action": verb}]}
        for name, verb in (("a", "restart"), ("b", "reload"))
    ]
    host.converge(*both, ca=False)
    assert host.commands == restarted("own")


def test_a_mode_that_drifted_is_put_back(host: Host) -> None:
    host.converge(OWN)
    key = host.folder / "tls/own.key"
    key.chmod(0o644)
    serial = host.serial("own")
    assert host.call(OWN)["changes"] == [str(key), "own: restart"]
    assert (key.stat().st_mode & 0o777, host.serial("own")) == (0o600, serial)
