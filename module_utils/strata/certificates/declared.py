"""The certificates of a host as they are declared."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError, StrataError
from ansible.module_utils.strata.openssl import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible.module_utils.strata.openssl import Shown
    from ansible.module_utils.strata.units import Action

FOLDER = "/etc/ssl/strata"
CA = "ca"
DAY = 24 * 3600
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,199}")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DNS = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}")


class CertificatesError(StrataError):
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
    units: tuple[tuple[str, Action], ...]
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
class Validity:
    """For how many days a new certificate is valid, how many before its end it is renewed; when the CA ends."""

    days: int
    renew_before: int
    ca_end: float | None = None

    def ends_soon(self, shown: Shown) -> bool:
        """Tell whether a certificate is to be renewed."""
        return shown.seconds_left() < self.renew_before * DAY

    def new_end(self, source: str) -> float:
        """Return when a certificate would end that is made now, in Unix time."""
        end = time.time() + self.days * DAY
        return min(end, self.ca_end) if source == CA and self.ca_end else end


def validity(lifetime: int, renew_before: int, ca: Shown | None) -> Validity:
    """Return how long certificates are valid.

    Raises:
        DeclarationError: they would be renewed as soon as they are made.

    """
    if not 0 <= renew_before < lifetime:
        raise DeclarationError(
            f"a certificate of {lifetime} days cannot be renewed {renew_before} days before its end: "
            "certificates_lifetime must be more than certificates_renew_before"
        )
    return Validity(lifetime, renew_before, ca.end() if ca else None)


def parse(items: Iterable[Mapping[str, Any]], *, ca: bool) -> list[Declared]:
    """Return what is declared, where the site has a CA or not.

    Raises:
        DeclarationError: it is not valid.

    """
    declared: dict[str, Declared] = {}
    for item in items:
        certificate, key = given = (item["certificate_content"], item["key_content"])
        each = Declared(
            item["name"],
            tuple(item["names"] or [item["name"]]),
            item["source"],
            (_bytes(certificate), _bytes(key)) if item["source"] == "content" and all(given) else None,
            item["owner"],
            item["group"],
            tuple((unit["name"], unit["action"]) for unit in item["units"]),
            item["origin"],
        )
        problem = _problem(each, given, ca=ca)
        if problem:
            raise DeclarationError(f"{each}: {problem}")
        if each.name in declared:
            raise DeclarationError(f"{each} is declared twice, also by {declared[each.name].origin}")
        declared[each.name] = each
    return list(declared.values())


def _bytes(content: str) -> bytes:
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
