"""The old form of sources is understood, or refused; keys are told apart."""

from __future__ import annotations

import pytest
from ansible.module_utils.strata.apt import keys, migrate
from ansible.module_utils.strata.apt.plan import AptError


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


def packet(tag, body):
    """Return a packet in the format that a tag is often found in: old for keys and user IDs, new for others."""
    if tag in (6, 13):
        return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body
    if len(body) < 192:
        return bytes([0xC0 | tag, len(body)]) + body
    if len(body) < 8384:
        return bytes([0xC0 | tag]) + (len(body) - 192 + (192 << 8)).to_bytes(2, "big") + body
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


ONE = packet(6, b"key") + packet(13, b"name") + packet(2, b"s" * 300)
TWO = packet(6, b"other") + packet(2, b"s") + packet(17, b"p" * 9000)


def test_keys_of_a_file_are_told_apart():
    assert keys.certificates(ONE + TWO) == [ONE, TWO]


@pytest.mark.parametrize("content", [b"", b"KBXf", ONE[:-1], packet(13, b"name"), ONE + b"\x00"])
def test_what_is_no_keys_is_refused(content):
    with pytest.raises(AptError, match="not made of OpenPGP keys"):
        keys.certificates(content)
