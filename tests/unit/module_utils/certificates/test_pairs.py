"""Certificates and their keys: when they are made anew, and which given ones are refused."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.certificates.declared import CertificatesError

from .fake import FACTS, GIVEN, OTHER, OWN, PAIR, WEB, Host, action, altered, refuse, seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


CHANGES: dict[str, Callable[[Path], object]] = {
    "its key is not there": lambda folder: (folder / "web.key").unlink(),
    "its key is another one": lambda folder: shutil.copy(folder / "own.key", folder / "web.key"),
    "there is none": lambda folder: (folder / "web.crt").write_text("garbage"),
    "the CA has not signed it": lambda folder: (folder / "web.crt").write_bytes(
        altered((folder / "web.crt").read_bytes())
    ),
}


@pytest.mark.parametrize("why", CHANGES)
def test_what_is_altered_is_made_anew(host: Host, why: str) -> None:
    host.converge(WEB, OWN)
    before = host.files()
    CHANGES[why](host.folder / "tls")
    result = host.converge(WEB, OWN)
    assert f"made anew because {why}" in str(result["diff"])
    assert host.commands == ["systemctl reload -- web"]
    after = host.files()
    assert {path for path in after if after[path] != before[path]} == {"tls/web.crt", "tls/web.key", FACTS}
    assert not host.call(WEB, OWN)["changed"]


def test_other_names_and_another_ca_need_another_certificate(host: Host) -> None:
    host.converge(WEB)
    serials = {host.serial("web")}
    named = WEB | {"names": ["new.example.org"]}
    assert "names are 2001:db8::1, web.example.org" in str(host.converge(named)["diff"])
    serials.add(host.serial("web"))
    shutil.rmtree(host.authority.folder)
    result = host.converge(named)
    assert "the CA has not signed it" in str(result["diff"])
    assert host.commands[0] == "update-ca-certificates --fresh"
    assert len(serials | {host.serial("web")}) == 3
    own = named | {"source": "self_signed"}
    assert "it is not self-signed" in str(host.converge(own)["diff"])
    assert "the CA has not signed it" in str(host.converge(named)["diff"])


def test_a_ca_that_ends_soon_does_not_mean_a_renewal_each_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "LIFETIME", action.timedelta(days=20))
    host.converge(WEB)
    assert not host.call(WEB)["changed"]


def test_a_run_that_was_killed_between_the_calls_goes_on_with_the_same_key(host: Host) -> None:
    first = host.call(WEB, OWN)
    assert not host.files()
    key = (host.folder / "pending/web.key").read_bytes()
    assert (host.folder / "pending/web.key").stat().st_mode & 0o777 == 0o600
    assert (host.folder / "pending").stat().st_mode & 0o777 == 0o700
    host.converge(WEB, OWN)
    assert (host.folder / "tls/web.key").read_bytes() == key
    late = action.signed(host.authority, first["wanted"], [WEB], 90)
    (host.folder / "tls/web.crt").unlink()
    host.call(WEB, OWN, signed=late)
    assert not host.call(WEB, OWN)["changed"]


def test_a_new_certificate_has_a_new_key_though_a_killed_run_left_that_of_the_one_before(host: Host) -> None:
    host.converge(WEB)
    left = host.folder / "pending"
    left.mkdir(exist_ok=True)
    shutil.copy(host.folder / "tls/web.key", left)
    named = WEB | {"names": ["new.example.org"]}
    predicted = host.call(named, check=True)
    assert host.converge(named)["changes"] == predicted["changes"]


def test_a_certificate_of_another_key_is_not_taken(host: Host) -> None:
    first = host.call(WEB)
    signed = action.signed(host.authority, first["wanted"], [WEB], 90)
    shutil.rmtree(host.folder / "pending")
    with pytest.raises(CertificatesError, match=r"^certificate web \(.*\): the key was lost or changed"):
        host.call(WEB, signed=signed)
    assert not host.files()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (GIVEN | {"certificate_content": "garbage"}, "certificate_content is not a certificate in PEM form"),
        (GIVEN | {"key_content": "garbage"}, "key_content is not a private key"),
        (GIVEN | {"key_content": OTHER[1]}, "key_content does not belong to certificate_content"),
    ],
)
def test_what_is_unfit_is_named_before_anything_changes(host: Host, item: dict[str, Any], message: str) -> None:
    refuse(host, item, CertificatesError, message)


def test_a_given_certificate_must_be_valid(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: seconds("2100-01-01T00:00:00Z"))
    with pytest.raises(CertificatesError, match=r"^certificate given \(.*\): certificate_content ended on 20"):
        host.call(GIVEN, ca=False)


def test_a_given_certificate_that_ends_soon_is_warned_of(host: Host) -> None:
    host.call(GIVEN, ca=False, lifetime=400, renew_before=300)
    assert host.warnings[0].startswith("certificate given (web__certificates_list): certificate_content ends on 20")


def test_the_chain_of_a_given_certificate_is_read_too(host: Host) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    host.call(GIVEN | {"certificate_content": PAIR[0] + OTHER[0]}, ca=False)
    with pytest.raises(CertificatesError, match="certificate_content is not a certificate in PEM form"):
        host.call(GIVEN | {"certificate_content": PAIR[0] + broken}, ca=False)
