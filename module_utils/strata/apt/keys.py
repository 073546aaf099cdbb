"""Keys that sign repositories, as files of /etc/apt/keyrings."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apt.host import AptError
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import File

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/etc/apt/keyrings"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
SECRET = re.compile(r"://[^/\s]*@")

_ARMOUR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_TAG_PUBLIC_KEY = 6
# Packets begin with an octet of one of two formats, and with their length in a number of octets.
_FORMAT, _OLD, _NEW = 0xC0, 0x80, 0xC0
_OLD_LENGTHS = {0: 1, 1: 2, 2: 4}
_ONE_OCTET, _TWO_OCTETS, _FIVE_OCTETS = range(192), range(192, 224), 255


def checked_name(item: Mapping[str, Any]) -> str:
    """Return the name of a source, key, pin or fragment.

    Raises:
        DeclarationError: it cannot be the name of a file that apt reads.

    """
    if not NAME.fullmatch(item["name"]):
        asker = f" ({item['origin']})" if item["origin"] else ""
        raise DeclarationError(
            f"the name {item['name']!r}{asker} must be letters, digits, points, dashes and underscores"
        )
    return str(item["name"])


def without_passwords(text: str) -> str:
    """Return a text without the users and passwords in its URIs."""
    return SECRET.sub("://***@", text)


def is_key(text: str) -> bool:
    """Whether a text is a key itself, and not the name or path of one."""
    return "-----BEGIN PGP" in text


def key_file(name: str, key: str, asker: str) -> tuple[str, File]:
    """Return path and file of a key, which is given in ASCII armour, perhaps with text around it, or binary in base64.

    Raises:
        DeclarationError: it is not a public key; the text is not shown, as it may be a private one.

    """
    if is_key(key):
        path, content = f"{FOLDER}/{name}.asc", _plain(key).encode()
    else:
        path, content = f"{FOLDER}/{name}.gpg", _base64("".join(key.split()))
    try:
        certificates(content)
    except AptError:
        raise DeclarationError(
            f"the key {name} ({asker}) is damaged or not a public key: give it as `gpg --armor --export` or, in "
            f"base64, `gpg --export` prints it"
        ) from None
    return path, File(content)


def _plain(text: str) -> str:
    """Return the blocks of keys alone, as the apt of each release reads them: vendors have other line ends and text."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return "".join(f"{match[0]}\n" for match in _ARMOUR.finditer(lines)) if "PRIVATE KEY" not in lines else ""


def dearmoured(text: str) -> bytes | None:
    """Return the packets of keys in ASCII armour, nothing if one is damaged."""
    found = b""
    for block in _ARMOUR.findall(text):
        _, blank, body = f"\n{block}".partition("\n\n")
        data = _base64("".join(line.strip() for line in body.splitlines() if not line.startswith("=")))
        if not blank or not data:
            return None
        found += data
    return found


def certificates(content: bytes) -> list[bytes]:
    """Return the keys of a file one by one, binary, each with its identities and signatures.

    Raises:
        AptError: it is not made of OpenPGP's packets (RFC 9580).

    """
    armoured = b"-----BEGIN PGP" in content
    data = (dearmoured(content.decode("latin-1").replace("\r\n", "\n")) or b"") if armoured else content
    starts = []
    position = 0
    while position < len(data):
        tag, length = _packet(data, position)
        if tag == _TAG_PUBLIC_KEY:
            starts.append(position)
        position += length
    if not starts or starts[0] or position != len(data):
        raise AptError("the file is not made of OpenPGP keys")
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _packet(data: bytes, start: int) -> tuple[int, int]:
    """Return tag and whole length of the packet that begins at `start`."""
    head, size = data[start], data[start + 1 : start + 6]
    if head & _FORMAT == _OLD and head & 3 in _OLD_LENGTHS:
        octets = _OLD_LENGTHS[head & 3]
        return head >> 2 & 15, 1 + octets + int.from_bytes(size[:octets], "big")
    if head & _FORMAT == _NEW and size:
        if size[0] in _ONE_OCTET:
            return head & 63, 2 + size[0]
        if size[0] in _TWO_OCTETS:
            return head & 63, 3 + 192 + int.from_bytes(size[:2], "big") - (192 << 8)
        if size[0] == _FIVE_OCTETS:
            return head & 63, 6 + int.from_bytes(size[1:5], "big")
    raise AptError("the file is not made of OpenPGP keys")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
