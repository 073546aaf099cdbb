"""The old form of sources is understood, or refused."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apt import migrate
from ansible.module_utils.strata.apt.host import AptError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", None),
        ("  # deb http://example.org/ x main", None),
        (
            "deb http://example.org/debian trixie main  contrib # ours",
            {
                "Types": "deb",
                "URIs": "http://example.org/debian",
                "Suites": "trixie",
                "Components": "main contrib",
            },
        ),
        (
            "deb-src [ arch=amd64,arm64 signed-by=/usr/share/keyrings/x.gpg trusted=yes ]\thttp://example.org/ ./",
            {
                "Types": "deb-src",
                "URIs": "http://example.org/",
                "Suites": "./",
                "Architectures": "amd64 arm64",
                "Signed-By": "/usr/share/keyrings/x.gpg",
                "Trusted": "yes",
            },
        ),
    ],
)
def test_line_is_fields(line, expected):
    assert migrate.parse_line(line) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rpm http://example.org/ x", "is not understood"),
        ("deb http://example.org/", "is not understood"),
        ("deb http://me:secret@example.org/", "'deb http://\\*\\*\\*@example.org/' is not understood"),
        ("deb [arch+=i386] http://example.org/ x main", "the option 'arch\\+=i386' is not understood"),
        ("deb [novel=1] http://example.org/ x main", "the option 'novel=1' is not understood"),
        ("deb cdrom:[Debian]/ trixie main", "a CD stays as it is"),
        ("deb http://me:secret@example.org/ x main", "a URI with a password stays as it is"),
    ],
)
def test_line_that_cannot_be_said_otherwise_is_refused(line, said):
    with pytest.raises(AptError, match=said) as caught:
        migrate.parse_line(line)
    assert "secret" not in str(caught.value)
