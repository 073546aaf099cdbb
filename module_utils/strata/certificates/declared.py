"""Certificates of a host as values: what is declared, and why one that is there has to be made anew."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.openssl import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.openssl import Shown

FOLDER = "/etc/ssl/strata"
CA = "ca"
DAY = 24 * 3600
UNKNOWN = "not known before it is made"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,199}")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DNS = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}")
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class CertificatesError(Exception):
    """The certificates cannot be brought to the declared state; the text is one sentence for the user."""


@dataclass(frozen=True)
class Declared:
    """A certificate as it is declared; `content` is the certificate and its key, if they are given."""

    name: str
    names: tuple[str, ...]
    source: str
    content: tuple[bytes, bytes] | None = field(repr=False)
    owner: str
    group: str | None
    units: tuple[tuple[str, str], ...]
    origin: str

    def __str__(self) -> str:
        """Return how messages name it."""
        return f"certificate {self.name} ({self.origin})"

    @property
    def certificate(self) -> str:
        """The path of the certificate."""
        return f"{FOLDER}/{self.name}.crt"

    @property
    def key(self) -> str:
        """The path of the key."""
        return f"{FOLDER}/{self.name}.key"


@dataclass(frozen=True)
class Lives:
    """How long certificates live, in seconds: new ones, and when they are renewed; `ca_end` is the CA's Unix time."""

    lifetime: float
    renew_before: float
    ca_end: float | None = None

    def new_end(self, source: str) -> float:
        """Return when a certificate would end that is made now."""
        end = time.time() + self.lifetime
        return min(end, self.ca_end) if source == CA and self.ca_end else end


def lives(lifetime: int, renew_before: int, ca_end: float | None) -> Lives:
    """Return how long certificates live, given in days.

    Raises:
        CertificatesError: they would be renewed as soon as they are made.

    """
    if not 0 <= renew_before < lifetime:
        raise CertificatesError(
            f"a certificate of {lifetime} days cannot be renewed {renew_before} days before its end: "
            "certificates_lifetime must be more than certificates_renew_before"
        )
    return Lives(lifetime * DAY, renew_before * DAY, ca_end)


def check(items: Iterable[Mapping[str, Any]], *, ca: bool) -> list[Declared]:
    """Return what is declared.

    Raises:
        CertificatesError: it cannot be meant.

    """
    declared: dict[str, Declared] = {}
    for item in items:
        given = (item["certificate_content"], item["key_content"])
        each = Declared(
            item["name"],
            tuple(item["names"] or [item["name"]]),
            item["source"],
            tuple(_text(content) for content in given) if item["source"] == "content" and all(given) else None,
            item["owner"],
            item["group"],
            tuple((unit["name"], unit["action"]) for unit in item["units"]),
            item["origin"],
        )
        problem = _problem(each, given, ca=ca)
        if problem:
            raise CertificatesError(f"{each}: {problem}")
        if each.name in declared:
            raise CertificatesError(f"{each} is declared twice, also by {declared[each.name].origin}")
        declared[each.name] = each
    return list(declared.values())


def _text(content: str) -> bytes:
    return content.strip().encode() + b"\n"


def _problem(each: Declared, given: Sequence[str | None], *, ca: bool) -> str:
    if not NAME.fullmatch(each.name) or each.name == CA:
        return "a name has small letters, digits, dots and hyphens, and is not 'ca'"
    wrong = next((name for name in each.names if not (is_address(name) or DNS.fullmatch(name))), None)
    if wrong is not None:
        return f"{wrong!r} is neither a DNS name nor an IP address"
    if each.source == "content" and not all(given):
        return "the source content needs certificate_content and key_content"
    if each.source != "content" and any(given):
        return f"its source is {each.source}, but it has a content"
    if each.source == CA and not ca:
        return "its source is the site's own CA, which certificates_ca does not ask for"
    return ""


def fault(each: Declared, shown: Shown | None, public_key: str, *, signed: bool, life: Lives) -> str:
    """Return why a certificate must be made anew, nothing if it is good.

    Args:
        each: what is declared.
        shown: what is there, None for nothing that is a certificate.
        public_key: of the key that is there.
        signed: whether it was signed by who signs it now, the CA or itself.
        life: when it is renewed; that is useless where a new one would not last longer, as when the CA ends soon.

    """
    if shown is None:
        return "there is none"
    if not public_key or shown.public_key != public_key:
        return "its key is not there" if not public_key else "its key is another one"
    if not signed:
        return "the CA has not signed it" if each.source == CA else "it is not self-signed"
    if shown.names != canonical(each.names):
        return f"its names are {', '.join(sorted(shown.names)) or 'none'}"
    if shown.seconds_left() < life.renew_before and life.new_end(each.source) > shown.end() + DAY:
        return f"it ends on {instant(shown.end())}"
    return ""


def canonical(names: Iterable[str]) -> frozenset[str]:
    """Return names as `openssl.parse` returns them."""
    return frozenset(str(ipaddress.ip_address(name)) if is_address(name) else name for name in names)


def blocks(pem: bytes) -> list[bytes]:
    """Return the certificates of a file, each by itself."""
    return [found.encode() for found in BLOCK.findall(pem.decode(errors="replace"))]


def instant(seconds: float) -> str:
    """Return a time as facts and messages have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def facts(found: Mapping[str, tuple[str, Shown | None, Iterable[str]]]) -> bytes:
    """Return the facts of certificates: of each its source, what is shown of it, and names if nothing is yet."""
    told = {
        name: {
            "not_after": instant(shown.end()) if shown else UNKNOWN,
            "names": sorted(shown.names if shown else names),
            "serial": shown.serial if shown else UNKNOWN,
            "source": source,
        }
        for name, (source, shown, names) in found.items()
    }
    return (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()


def recorded(text: bytes) -> set[str]:
    """Return the names of the certificates that facts tell of."""
    try:
        told = json.loads(text)
    except ValueError:
        return set()
    return {name for name in told if NAME.fullmatch(name) and name != CA} if isinstance(told, dict) else set()
