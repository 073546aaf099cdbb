"""host_certificates: what it does, and what is there after a failure."""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.strata import files
from ansible.module_utils.strata.certificates import run
from ansible.module_utils.strata.certificates.declared import CertificatesError

from .fake import FACTS, GIVEN, OWN, PAIR, WEB, Host, restarted, seconds


def test_all_kinds_are_made_and_then_left_alone(host: Host) -> None:
    items = [WEB | {"group": "root"}, OWN, GIVEN]
    result = host.converge(*items)
    assert host.commands == ["update-ca-certificates --fresh", "systemctl reload -- web", *restarted("own")]
    found = host.files()
    assert {path: mode for path, (_, mode) in found.items()} == {
        "bundle": 0o644,
        FACTS: 0o644,
        "roots/strata-ca.crt": 0o644,
        "tls/ca.crt": 0o644,
        **dict.fromkeys(["tls/web.crt", "tls/own.crt", "tls/given.crt"], 0o644),
        "tls/web.key": 0o640,
        **dict.fromkeys(["tls/own.key", "tls/given.key"], 0o600),
    }
    assert str(found["tls/given.crt"][0], "ascii") == PAIR[0]
    facts = host.facts()
    assert {name: (fact["source"], fact["names"]) for name, fact in facts.items()} == {
        "ca": ("root", []),
        "given": ("content", ["given.example.org"]),
        "own": ("self_signed", ["own"]),
        "web": ("ca", ["2001:db8::1", "web.example.org"]),
    }
    assert time.time() + 89.9 * 86400 < seconds(facts["web"]["not_after"]) < time.time() + 90 * 86400 + 1
    secret = next(line for line in found["tls/web.key"][0].decode().splitlines() if "-----" not in line)
    assert secret not in str(result)
    assert "names: 2001:db8::1, web.example.org\n" in str(result["diff"]).replace("\\n", "\n")
    again = host.call(*items)
    assert (again["changed"], host.commands, host.files()) == (False, [], found)
    assert not list(host.folder.glob("owed/*")) + list(host.folder.glob("pending/*"))


def test_check_mode_predicts_and_touches_nothing(host: Host) -> None:
    predicted = host.call(WEB, OWN, GIVEN, check=True)
    assert not list(host.folder.iterdir())
    assert predicted["changes"] == host.converge(WEB, OWN, GIVEN)["changes"]
    before = host.files()
    longer = {"lifetime": 400, "renew_before": 300}
    predicted = host.call(WEB, OWN, check=True, **longer)
    assert host.files() == before
    assert predicted["changes"] == host.converge(WEB, OWN, **longer)["changes"]
    assert "made anew because it ends on" in str(predicted["diff"])
    assert not host.call(WEB, OWN, check=True)["changed"]


def test_a_unit_that_fails_gets_its_old_certificate_back(host: Host) -> None:
    host.converge(WEB, OWN)
    before = host.files()
    host.refuse = "systemctl reload -- web"
    with pytest.raises(CertificatesError, match=r"web: reload failed: .*; the old files are back in force"):
        host.converge(WEB | {"names": ["new.example.org"]}, OWN | {"names": ["new"]})
    assert host.files() == before
    assert host.commands == ["systemctl reload -- web", "systemctl reload -- web", *restarted("own")]


def test_a_call_that_was_killed_is_made_up_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    host.converge(WEB, OWN)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_activate", killed)
        with pytest.raises(KeyboardInterrupt):
            host.converge(WEB | {"names": ["new.example.org"]}, OWN)
    assert host.call(WEB | {"names": ["new.example.org"]}, OWN)["changes"] == [
        "update-ca-certificates --fresh",
        "web: reload",
    ]
    assert not host.call(WEB | {"names": ["new.example.org"]}, OWN)["changed"]


def test_what_cannot_be_put_back_is_said_and_nothing_is_taken_for_restored(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.converge(WEB)
    host.refuse = "systemctl reload -- web"
    monkeypatch.setattr(files, "undo", lambda _: ["/a: No space left on device"])
    said = r"not all of the old files could be restored: /a: No space left on device$"
    with pytest.raises(CertificatesError, match=said):
        host.converge(WEB | {"names": ["new.example.org"]})
    assert run.host.owed().read() is not None
