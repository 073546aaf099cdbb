"""Keys are files as they were given, or refused and not shown; those of a file are told apart."""

from __future__ import annotations

import base64

import pytest
from ansible.module_utils.strata.apt import keys
from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.errors import DeclarationError

from .sample import ARMOUR, PACKET


def test_keys_are_files_as_they_were_given() -> None:
    path, file = keys.key_file("one", f"\n{ARMOUR}\n\n", "")
    assert (path, file.content) == ("/etc/apt/keyrings/one.asc", f"{ARMOUR}\n".encode())
    path, file = keys.key_file("one", base64.encodebytes(PACKET).decode(), "")
    assert (path, file.content) == ("/etc/apt/keyrings/one.gpg", PACKET)


@pytest.mark.parametrize(
    "given",
    [
        f"pub rsa2048 Two <two@example.org>\n\n{ARMOUR}\n",
        f"\ufeff{ARMOUR}\nas found on https://example.org/\n",
        ARMOUR.replace("\n", "\r\n"),
        f"Text\n\n{ARMOUR}\n".replace("\n", "\r\n"),
    ],
)
def test_what_a_vendor_has_around_a_key_is_left_out(given: str) -> None:
    path, file = keys.key_file("one", given, "")
    assert (path, file.content) == ("/etc/apt/keyrings/one.asc", f"{ARMOUR}\n".encode())
    assert keys.certificates(given.encode()) == [PACKET]


def test_a_vendor_s_blocks_are_all_kept() -> None:
    assert keys.key_file("one", f"One:\n{ARMOUR}\nTwo:\n{ARMOUR}", "")[1].content == f"{ARMOUR}\n{ARMOUR}\n".encode()


def test_comment_of_a_key_may_be_in_any_encoding() -> None:
    assert keys.certificates(ARMOUR.replace("Comment: x", "Comment: \xe9").encode("latin-1")) == [PACKET]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "known",
        "bm8ga2V5",
        ARMOUR.replace("PUBLIC", "PRIVATE"),
        f"{ARMOUR}\n{ARMOUR.replace('PUBLIC', 'PRIVATE')}",
        ARMOUR.replace("\n\n", "\n"),
        ARMOUR.replace("BEGIN PGP PUBLIC", "BEGIN X"),
    ],
)
def test_what_is_not_a_public_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(DeclarationError, match=r"the key one \(someone\) is damaged or not a public key") as caught:
        keys.key_file("one", key, "someone")
    assert not key or key not in str(caught.value)


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
def test_what_is_not_made_of_keys_is_refused(content):
    with pytest.raises(AptError, match="not made of OpenPGP keys"):
        keys.certificates(content)
