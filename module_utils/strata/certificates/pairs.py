"""The pair of each certificate and its key: what is there if that is good, else a new one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files, paths
from ansible.module_utils.strata.certificates.declared import CA, CertificatesError
from ansible.module_utils.strata.certificates.host import content
from ansible.module_utils.strata.certificates.plan import ABSENT, Pair, fault, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.module_utils.strata.certificates.declared import Declared, Validity
    from ansible.module_utils.strata.openssl import Shown, Tool

#: Keys that wait for the CA's signature, in memory.
PENDING = f"{paths.RUNTIME}-certificates"
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Resolver:
    """Finds the pair of each certificate; `signed` is what the CA has signed, by name. In check mode it makes none."""

    tool: Tool
    ca: bytes = field(repr=False)
    validity: Validity
    signed: Mapping[str, str]
    warn: Callable[[str], None]
    check: bool

    def resolve(self, each: Declared) -> Pair:
        """Return the pair as it shall be; an empty one if the CA must sign it, or in check mode.

        Raises:
            CertificatesError: what is given for it is not fit.
            OpensslError: openssl makes none.

        """
        old = (content(each.certificate), content(each.key))
        shown = self._shown(old[0])
        if each.content:
            return Pair(each, each.content, self._validated(each, each.content), shown)
        root = self.ca if each.source == CA else old[0]
        signed = shown is not None and self.tool.is_signed_by(each.certificate, root)
        key = self.tool.public_key(old[1]) if shown and old[1] else ""
        why = fault(each, shown, key, signed=signed, validity=self.validity)
        if not why:
            return Pair(each, old, shown, shown)
        new = (b"", b"")
        if each.source == "self_signed" and not self.check:
            new = self.tool.make(each.names, self.validity.days)
        elif each.source == CA and each.name in self.signed:
            new = self._signed(each, self.signed[each.name].encode())
        return Pair(each, new, self._shown(new[0]), shown, why)

    def request(self, each: Declared) -> dict[str, str]:
        """Return the request for a certificate of a new key, which waits for it: a killed run's, if it is not in use.

        Raises:
            OpensslError: openssl makes none.

        """
        path = _pending(each)
        key = content(path)
        if not key or key == content(each.key) or not self.tool.public_key(key):
            key = self.tool.new_key()
            os.makedirs(PENDING, mode=0o700, exist_ok=True)
            files.apply([files.Change(path, None, files.File(key, 0o600))])
        return {"name": each.name, "request": self.tool.request(key)}

    def _shown(self, pem: bytes) -> Shown | None:
        return self.tool.certificate(pem) if pem else None

    def _validated(self, each: Declared, pair: tuple[bytes, bytes]) -> Shown:
        """Return what is shown of a given certificate, after it was matched with its key.

        Raises:
            CertificatesError: they are not a pair, or no longer valid.

        """
        chain = [self.tool.certificate(block.encode()) for block in BLOCK.findall(pair[0].decode(errors="replace"))]
        found = chain[0] if chain else None
        public = self.tool.public_key(pair[1])
        if found is None or None in chain:
            raise CertificatesError(f"{each}: certificate_content is not a certificate in PEM form")
        if not public:
            raise CertificatesError(f"{each}: key_content is not a private key that opens without a passphrase")
        if public != found.public_key:
            raise CertificatesError(f"{each}: key_content does not belong to certificate_content")
        end = instant(found.end())
        if found.seconds_left() < 0:
            raise CertificatesError(f"{each}: certificate_content ended on {end}")
        if self.validity.ends_soon(found):
            self.warn(f"{each}: certificate_content ends on {end}")
        return found

    def _signed(self, each: Declared, certificate: bytes) -> tuple[bytes, bytes]:
        """Return a certificate that the CA has signed, with the key that it belongs to.

        Raises:
            CertificatesError: there is none.

        """
        shown = self._shown(certificate)
        for path in (_pending(each), each.key):
            key = content(path)
            if key and shown and self.tool.public_key(key) == shown.public_key:
                return certificate, key
        raise CertificatesError(f"{each}: the key was lost or changed while the CA signed it: run it again")


def unresolved(each: Declared) -> Pair:
    """Return the pair of a host that has no openssl yet, in check mode, as an earlier task brings it."""
    return Pair(each, each.content) if each.content else Pair(each, why=ABSENT)


def _pending(each: Declared) -> str:
    return f"{PENDING}/{each.name}.key"
