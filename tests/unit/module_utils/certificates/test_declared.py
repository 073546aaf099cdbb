"""Declared certificates: what is refused before the host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.errors import DeclarationError

from .fake import GIVEN, OWN, WEB, Host, refuse


def test_no_ca_signs_nothing(host: Host) -> None:
    with pytest.raises(DeclarationError, match=r"^certificate web \(.*\): .* which certificates_ca does not ask for"):
        host.call(WEB, ca=False)


def test_a_lifetime_that_is_a_renewal_each_run_is_refused(host: Host) -> None:
    with pytest.raises(DeclarationError, match="must be more than certificates_renew_before"):
        host.call(OWN, lifetime=30)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (GIVEN | {"key_content": None}, "the source content needs certificate_content and key_content"),
        (GIVEN | {"source": "ca"}, "its source is ca, but it has a content"),
        (WEB | {"name": "../web"}, "a name has small letters"),
        (WEB | {"name": "ca"}, "and is not 'ca'"),
        (WEB | {"names": ["a b"]}, "'a b' is neither a DNS name nor an IP address"),
        (WEB | {"names": ["a,DNS:b"]}, "is neither a DNS name nor an IP address"),
        (OWN, "is declared twice, also by web__certificates_list"),
    ],
)
def test_what_is_declared_wrongly_is_named_before_anything_changes(
    host: Host, item: dict[str, Any], message: str
) -> None:
    refuse(host, item, DeclarationError, message)
