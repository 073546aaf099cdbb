"""The file of the role unbound."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError

from .rendering import render


def server(**settings: Any) -> list[str]:
    return [line.strip() for line in render("unbound", "strata.conf.j2", unbound_settings=settings)]


def test_settings_are_as_unbound_has_them() -> None:
    lines = server(
        **{
            "do-ip6": False,
            "prefetch": True,
            "num-threads": 2,
            "private-address": ["10.0.0.0/8", "192.168.0.0/16"],
            "trust-anchor": '"example.org. DS 1 2 3 4"',
        }
    )
    assert lines[-6:] == [
        "do-ip6: no",
        "num-threads: 2",
        "prefetch: yes",
        "private-address: 10.0.0.0/8",
        "private-address: 192.168.0.0/16",
        'trust-anchor: "example.org. DS 1 2 3 4"',
    ]


@pytest.mark.parametrize("value", [None, {"a": 1}, "a\nb", ["x", None]])
def test_what_unbound_would_read_in_another_way_is_refused(value: object) -> None:
    with pytest.raises(AnsibleError, match="unbound_settings: x needs a text, a number, yes or no"):
        server(x=value)


def test_a_zone_of_its_own_is_neither_validated_nor_denied() -> None:
    zones = [{"name": "corp.example.org", "addresses": ["192.0.2.54@5353", "127.0.0.1"]}]
    lines = [line.strip() for line in render("unbound", "strata.conf.j2", unbound_forward_zones=zones)]
    assert {
        "do-not-query-localhost: no",
        'domain-insecure: "corp.example.org"',
        'private-domain: "corp.example.org"',
        'local-zone: "corp.example.org" transparent',
    } <= set(lines)
    assert lines[-5:] == [
        "forward-zone:",
        'name: "corp.example.org"',
        "forward-tls-upstream: no",
        "forward-addr: 192.0.2.54@5353",
        "forward-addr: 127.0.0.1",
    ]


def test_a_signed_zone_is_validated_and_a_declared_local_zone_stays() -> None:
    zones = [{"name": "example.org.", "addresses": ["192.0.2.1@853#ns.example.org"], "tls": True, "signed": True}]
    local = [{"name": "example.org", "type": "typetransparent"}]
    text = "\n".join(render("unbound", "strata.conf.j2", unbound_stub_zones=zones, unbound_local_zones=local))
    assert "domain-insecure" not in text
    assert text.count("local-zone:") == 1
    assert "tls-cert-bundle" in text
    assert "stub-tls-upstream: yes\n    stub-addr: 192.0.2.1@853#ns.example.org" in text


def test_all_names_are_no_zone_of_its_own() -> None:
    with pytest.raises(AnsibleError, match="unbound_stub_zones: the zone of all names is for unbound_forwarders"):
        render("unbound", "strata.conf.j2", unbound_stub_zones=[{"name": ".", "addresses": ["192.0.2.1"]}])
