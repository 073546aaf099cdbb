"""A source is a stanza, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.strata.apt.sources import Source, parse_source
from ansible.module_utils.strata.errors import DeclarationError

from .sample import SOURCE


def source(**keys: Any) -> Source:
    return parse_source(SOURCE | keys, {"known": "/etc/apt/keyrings/known.asc"})


def test_source_is_a_stanza() -> None:
    assert source(signed_by="known", enabled=False, trusted=True, fields={"Languages": "none"}).text == (
        "# Managed by Strata: changes made here are overwritten\n"
        "Enabled: no\nTypes: deb\nURIs: https://packages.example.org/debian\nSuites: trixie\nComponents: main extra\n"
        "Signed-By: /etc/apt/keyrings/known.asc\nTrusted: yes\nLanguages: none\n"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": "a/b"}, r"the name 'a/b' \(web__apt_sources\) must be letters"),
        ({"uris": []}, r"the source example \(web__apt_sources\) needs at least one of uris"),
        ({"uris": ["https://me:secret@example.org/"]}, "has a user or password in its uris"),
        ({"uris": ["example.org"]}, "has 'example.org' in uris, which is not a URI"),
        ({"suites": ["a b"]}, "has 'a b' in suites, which must be one word"),
        ({"components": []}, "needs components, unless its suites are paths"),
        ({"suites": ["./"]}, "has a suite that is a path"),
        ({"suites": ["trixie", "./"], "components": []}, "has a suite that is a path"),
        ({"signed_by": "unknown"}, "apt_keys has no key of that name: declared are known"),
        ({"fields": {"Suites": "sid"}}, "has 'Suites' in fields"),
        ({"fields": {"Targets": "a\nSuites: sid"}}, "must be a line of text"),
    ],
)
def test_what_apt_would_not_understand_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said) as caught:
        source(**keys)
    assert "secret" not in str(caught.value)
