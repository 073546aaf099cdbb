"""Lines of sshd(8)'s authorized_keys: checked so that sshd takes each of them, and nothing else hides in one.

No message shows a line: somebody may have declared a private key.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = "# Strata keeps this file: changes made here are overwritten.\n"
SMALLEST_RSA = 2048

_CURVES = {f"ecdsa-sha2-{curve}": curve for curve in ("nistp256", "nistp384", "nistp521")}
_HARDWARE = {"sk-ssh-ed25519@openssh.com": "ssh-ed25519", "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa-sha2-nistp256"}
TYPES = ("ssh-ed25519", *_CURVES, *_HARDWARE, "ssh-rsa")

_SWITCHES = {"agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding"}
_FLAGS = _SWITCHES | {f"no-{name}" for name in _SWITCHES}
_FLAGS |= {"restrict", "cert-authority", "no-touch-required", "verify-required"}
_VALUES = {"command", "environment", "expiry-time", "from", "permitlisten", "permitopen", "principals", "tunnel"}
#: Options that keep sshd from taking a line, so that it goes on to the next one with the same key.
_CONDITIONS = ("from", "expiry-time", "principals")

_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|[ ]|$)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FROM = re.compile(r"!?[A-Za-z0-9.:*?_/-]+")
_EXPIRY = re.compile(r"\d{8}(\d{4}(\d\d)?)?Z?")


class KeyLineError(DeclarationError):
    """A line is not fit for authorized_keys; the text goes on after "key 2 of alice"."""


@dataclass(frozen=True)
class Key:
    """A line of authorized_keys in its plain form; `blob` is the key alone, in base64."""

    options: str
    kind: str
    blob: str
    comment: str

    def __str__(self) -> str:
        """Return the line."""
        return " ".join(part for part in (self.options, self.kind, self.blob, self.comment) if part)

    def covers(self, later: Key) -> bool:
        """Tell whether sshd, which takes the first line that fits, would never come to a later one."""
        if self.blob != later.blob or self._has("cert-authority") != later._has("cert-authority"):
            return False
        return self.options == later.options or not any(map(self._has, _CONDITIONS))

    def _has(self, name: str) -> bool:
        return name in (match[1].lower() for match in _OPTION.finditer(self.options))


def authorized_keys(lines: Iterable[str]) -> bytes:
    """Return the text of authorized_keys for declared lines.

    Raises:
        KeyLineError: sshd would not take a line, or never come to it.

    """
    keys: list[Key] = []
    for number, line in enumerate(lines, 1):
        try:
            key = parse(line)
        except KeyLineError as error:
            raise KeyLineError(f"key {number} {error}") from None
        first = next((at for at, earlier in enumerate(keys, 1) if earlier.covers(key)), None)
        if first:
            raise KeyLineError(f"key {number} is declared twice: sshd would always take its line {first} instead")
        keys.append(key)
    return (HEADER + "".join(f"{key}\n" for key in keys)).encode()


def blobs(text: bytes) -> set[str]:
    """Return the keys in the text of an authorized_keys that anybody may have written."""
    found = set()
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            found.add(parse(line).blob)
        except KeyLineError:
            continue
    return found


def parse(line: str) -> Key:
    """Return the key of a line, with what stands around it.

    Raises:
        KeyLineError: sshd would not take it, or it is weaker than it should be.

    """
    if _CONTROL.search(line):
        raise KeyLineError("has a line break or another control character: declare one public key a line")
    line = line.strip()
    options = ""
    if line.partition(" ")[0] not in TYPES:
        options, line = _split_options(line)
    kind, _, rest = line.partition(" ")
    blob, _, comment = rest.strip().partition(" ")
    if kind not in TYPES:
        raise KeyLineError(f"is of no type that is accepted: those are {', '.join(TYPES)}")
    _check_blob(kind, blob)
    return Key(options, kind, blob, comment.strip())


def _split_options(line: str) -> tuple[str, str]:
    """Return the checked options that a line begins with, and the rest of it."""
    position = 0
    while match := _OPTION.match(line, position):
        name, value, end = match.groups()
        _check_option(name.lower(), value)
        position = match.end()
        if end != ",":
            return line[:position].strip(), line[position:].strip()
    raise KeyLineError('begins neither with a type of key nor with options such as restrict,from="192.0.2.0/24"')


def _check_option(name: str, value: str | None) -> None:
    if name not in _FLAGS | _VALUES:
        raise KeyLineError("has an option that sshd does not know, or is not a public key at all")
    if (value is None) != (name in _FLAGS):
        takes = "no value" if name in _FLAGS else "a value in quotes"
        raise KeyLineError(f"has the option {name}, which takes {takes}")
    if value is None:
        return
    if name == "from":
        for pattern in value.split(","):
            _check_source(pattern)
    elif name == "expiry-time" and not _EXPIRY.fullmatch(value):
        raise KeyLineError("has an expiry-time that is not a time such as 20301231 or 203012312359Z")
    elif not value:
        raise KeyLineError(f"has the option {name} with an empty value")


def _check_source(pattern: str) -> None:
    """Refuse what would make sshd refuse the key from everywhere."""
    right = bool(_FROM.fullmatch(pattern))
    if right and "/" in pattern:
        try:
            ipaddress.ip_network(pattern.removeprefix("!"))
        except ValueError:
            right = False
    if not right:
        example = "192.0.2.0/24 (without bits beyond its length), an address or a name"
        raise KeyLineError(f"has {pattern!r} in its option from, which is not a network such as {example}")


def _check_blob(kind: str, blob: str) -> None:
    """Refuse what is not exactly one key of its type."""
    try:
        fields = list(_fields(base64.b64decode(blob, validate=True)))
    except (binascii.Error, ValueError):
        raise KeyLineError("is cut off or damaged: it is not the base64 of a whole key") from None
    plain = _HARDWARE.get(kind, kind)
    names = [kind.encode(), *([_CURVES[plain].encode()] if plain in _CURVES else [])]
    count = len(names) + (2 if plain == "ssh-rsa" else 1) + (kind in _HARDWARE)
    if fields[: len(names)] != names or len(fields) != count:
        raise KeyLineError(f"is not what its type says, {kind}")
    if plain == "ssh-ed25519" and len(fields[1]) != 32:  # noqa: PLR2004 - bytes, by definition
        raise KeyLineError("is cut off or damaged: an ed25519 key has 32 bytes")
    if plain == "ssh-rsa" and (bits := int.from_bytes(fields[2]).bit_length()) < SMALLEST_RSA:
        raise KeyLineError(f"is an RSA key of {bits} bits: sshd takes less than {SMALLEST_RSA} for too weak")


def _fields(data: bytes) -> Iterable[bytes]:
    """Yield the fields of a key, each of which has its length before it."""
    while data:
        length = int.from_bytes(data[:4])
        if len(data) < 4 + length:
            raise ValueError
        yield data[4 : 4 + length]
        data = data[4 + length :]
