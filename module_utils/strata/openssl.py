"""What the openssl of a host makes and says: certificates, their keys, and requests for certificates."""

from __future__ import annotations

import ipaddress
import re
import ssl
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.strata.errors import StrataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible.module_utils.strata.commands import Run

EC = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]


class OpensslError(StrataError):
    """Openssl makes nothing; the text says what, with its own words."""


@dataclass(frozen=True)
class Shown:
    """What openssl shows of a certificate: its public key, its names (DNS and IP), its end and serial number."""

    public_key: str
    names: frozenset[str]
    ends: str
    serial: str = ""

    def end(self) -> float:
        """Return when it ends, in Unix time."""
        return ssl.cert_time_to_seconds(self.ends)

    def seconds_left(self) -> float:
        """Return the seconds for which it is valid yet."""
        return self.end() - time.time()


def parse(output: str) -> Shown:
    """Return what `openssl x509 -pubkey -enddate -serial -ext subjectAltName` says."""
    key = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", output, re.DOTALL)
    ends = re.search(r"^notAfter=(.*)$", output, re.MULTILINE)
    serial = re.search(r"^serial=(.*)$", output, re.MULTILINE)
    names = re.findall(r"DNS:([^,\s]+)", output)
    names += [str(ipaddress.ip_address(found)) for found in re.findall(r"IP Address:([0-9A-Fa-f.:]+)", output)]
    return Shown(key[0] if key else "", frozenset(names), ends[1] if ends else "", serial[1] if serial else "")


def is_address(name: str) -> bool:
    """Tell whether a name of a certificate is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def alternatives(names: Iterable[str]) -> str:
    """Return names as an extension of openssl's configuration has them."""
    return ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names)


@dataclass
class Tool:
    """The openssl of the host."""

    run: Run

    def certificate(self, pem: bytes) -> Shown | None:
        """Return what stands in a certificate, None if it is none."""
        command = ["openssl", "x509", "-inform", "PEM", "-noout", "-pubkey", "-enddate", "-serial"]
        code, out, _ = self.run([*command, "-ext", "subjectAltName"], pem)
        return None if code else parse(out)

    def public_key(self, pem: bytes) -> str:
        """Return the public key of a private one, an empty string if it is none or asks for a passphrase."""
        code, out, _ = self.run(["openssl", "pkey", "-inform", "PEM", "-pubout", "-passin", "pass:"], pem)
        return "" if code else out.strip()

    def is_signed_by(self, path: str, root: bytes) -> bool:
        """Tell whether a root has signed the certificate in a file, whatever the time is."""
        command = ["openssl", "verify", "-no_check_time", "-no-CApath", "-no-CAstore", "-CAfile", "/dev/stdin", path]
        return not self.run(command, root)[0]

    def make(self, names: Sequence[str], days: int = 365) -> tuple[bytes, bytes]:
        """Return a new self-signed certificate for the names, and its key.

        Raises:
            OpensslError: openssl makes none.

        """
        # Below /run, because a private key must not reach a disk before it has its mode.
        with tempfile.TemporaryDirectory(prefix="strata-tls-", dir="/run") as folder:
            made, key = f"{folder}/crt", f"{folder}/key"
            command = ["openssl", "req", "-x509", "-newkey", "ec", *EC, "-nodes"]
            command += ["-days", str(days), "-subj", "/CN=self-signed", "-keyout", key, "-out", made]
            code, out, err = self.run([*command, "-addext", f"subjectAltName={alternatives(names)}"], b"")
            if code:
                raise OpensslError(f"openssl makes no certificate for {names[0]}: {(out + err).strip()}")
            return _read(made), _read(key)

    def new_key(self) -> bytes:
        """Return a new private key.

        Raises:
            OpensslError: openssl makes none.

        """
        code, out, err = self.run(["openssl", "genpkey", "-algorithm", "EC", *EC], b"")
        if code:
            raise OpensslError(f"openssl makes no key: {err.strip()}")
        return out.encode()

    def request(self, key: bytes) -> str:
        """Return a request for a certificate of a key; it asks for no names, as who signs it knows them.

        Raises:
            OpensslError: openssl makes none.

        """
        code, out, err = self.run(["openssl", "req", "-new", "-key", "/dev/stdin", "-subj", "/CN=request"], key)
        if code:
            raise OpensslError(f"openssl makes no request for a certificate: {err.strip()}")
        return out


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
