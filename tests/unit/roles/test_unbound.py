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
