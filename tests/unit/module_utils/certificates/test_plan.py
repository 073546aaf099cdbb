"""The plan for certificates: which files go, and which units must know."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from ansible.module_utils.strata.certificates import plan
from ansible.module_utils.strata.certificates.declared import CertificatesError, Validity, parse
from ansible.module_utils.strata.certificates.host import Found
from ansible.module_utils.strata.files import Change, File
from ansible.module_utils.strata.openssl import Shown
from ansible.module_utils.strata.units import Status

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


def test_a_unit_that_two_certificates_name_is_restarted_once(host: Host) -> None:
    both = [
        OWN | {"name": name, "units": [{"name": "own", "action": verb}]}
        for name, verb in (("a", "restart"), ("b", "reload"))
    ]
    host.converge(*both, ca=False)
    assert host.commands == restarted("own")


def test_a_mode_that_drifted_is_corrected(host: Host) -> None:
    host.converge(OWN)
    key = host.folder / "tls/own.key"
    key.chmod(0o644)
    serial = host.serial("own")
    assert host.call(OWN)["changes"] == [str(key), "own: restart"]
    assert (key.stat().st_mode & 0o777, host.serial("own")) == (0o600, serial)


DECLARED = parse([WEB, OWN], ca=True)
WHOLE = [plan.Pair(each, (b"certificate", b"key")) for each in DECLARED]
UP = Status(there=True, active=True)
NOTHING = Found(set(), None, [], trusted=True, exposed=False, owners={}, status={"web": UP, "own": UP})


def planned(*paths: str, found: Found = NOTHING) -> plan.Plan:
    return plan.plan(WHOLE, {"ca": b"CA"}, [Change(path, None, File(b"")) for path in paths], found)


def test_units_must_know_of_certificates_that_change_and_of_another_ca() -> None:
    assert planned().lines() == []
    assert planned(DECLARED[1].key).lines() == [DECLARED[1].key, "own: restart"]
    assert planned("/etc/ssl/strata/ca.crt").lines() == ["/etc/ssl/strata/ca.crt", "web: reload"]


def test_what_a_killed_run_touched_is_done_again() -> None:
    again = planned(found=replace(NOTHING, owed={"own", "gone"}))
    assert again.lines() == ["update-ca-certificates --fresh", "own: restart"]
    assert again.names == ["gone", "own"]


def test_roots_that_change_or_that_the_system_forgot_are_trusted_anew() -> None:
    root = f"{plan.ROOTS}old.crt"
    assert planned(root).lines() == [root, "update-ca-certificates --fresh"]
    assert planned(found=replace(NOTHING, trusted=False)).lines() == ["update-ca-certificates --fresh"]


def test_certificates_that_are_ours_go_when_nobody_declares_them() -> None:
    found = replace(NOTHING, recorded={"old", "web"}, roots=["/roots/old.crt"])
    wanted = plan.desired([], {}, None, found)
    assert wanted == dict.fromkeys(
        [
            *(f"/etc/ssl/strata/{name}.{end}" for name in ("old", "web") for end in ("crt", "key")),
            "/roots/old.crt",
            "/etc/ssl/strata/ca.crt",
            "/etc/ansible/facts.d/strata_certificates.fact",
        ]
    )


def shown(days: float) -> Shown:
    ends = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(time.time() + days * 86400))
    return Shown("KEY", frozenset(["web.example.org", "2001:db8::1"]), ends)


@pytest.mark.parametrize(
    ("days", "key", "signed", "why"),
    [
        (80, "KEY", True, ""),
        (80, "", True, "its key is not there"),
        (80, "OTHER", True, "its key is another one"),
        (80, "KEY", False, "the CA has not signed it"),
        (29, "KEY", True, "it ends on 20"),
    ],
)
def test_why_a_certificate_is_made_anew(days: int, key: str, signed: bool, why: str) -> None:
    def fault(validity: Validity) -> str:
        return plan.fault(DECLARED[0], shown(days), key, signed=signed, validity=validity)

    assert fault(Validity(90, 30)).startswith(why)
    assert bool(fault(Validity(90, 30))) == bool(why)
    if days < 30:
        assert not fault(Validity(90, 30, ca_end=shown(days).end())), "a new one would not last longer"
