"""Certificates of sites: made where that is declared, and matched with their keys before Apache reads them."""

from __future__ import annotations

import glob
import os
import re
import shutil
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata import apache, vhosts
from ansible.module_utils.strata.files import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible.module_utils.strata.files import State
    from ansible.module_utils.strata.vhosts import Site

_MODE = 0o640
# A self-signed certificate is made anew when it has less time left than this.
_RENEWAL = 30 * 24 * 3600
_DIRECTIVE = re.compile(
    r'^[ \t]*SSLCertificate(Key|Chain|)File[ \t]+"?([^"\s]+)"?[ \t]*$', re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True)
class Shown:
    """What openssl shows of a certificate: its public key, its names, and when it ends."""

    public_key: str
    names: frozenset[str]
    ends: str

    def seconds_left(self) -> float:
        """Return the seconds for which it is valid yet."""
        return ssl.cert_time_to_seconds(self.ends) - time.time()


@dataclass
class Outcome:
    """The files to write, and what does not keep anything from going on."""

    files: dict[str, State] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def parse(output: str) -> Shown:
    """Return what `openssl x509 -pubkey -enddate -ext subjectAltName` says."""
    key = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", output, re.DOTALL)
    ends = re.search(r"^notAfter=(.*)$", output, re.MULTILINE)
    return Shown(key[0] if key else "", frozenset(re.findall(r"DNS:([^,\s]+)", output)), ends[1] if ends else "")


def used(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the pairs of certificate and key that a site's text names, and its chains, as absolute paths.

    A certificate without a key of its own has it in the same file.
    """
    named: dict[str, list[str]] = {"": [], "key": [], "chain": []}
    for kind, path in _DIRECTIVE.findall(text):
        if "${" not in path:
            named[kind.lower()].append(os.path.join(apache.ROOT, path))
    keys = named["key"] or named[""]
    return list(zip(named[""], keys, strict=False)), named["chain"]


@dataclass
class Tool:
    """The openssl of the host; `run` runs a command with input and returns its exit status, output and errors."""

    run: Callable[[list[str], bytes], tuple[int, str, str]]

    def certificate(self, pem: bytes) -> Shown | None:
        """Return what stands in a certificate, None if it is none."""
        command = ["openssl", "x509", "-inform", "PEM", "-noout", "-pubkey", "-enddate", "-ext", "subjectAltName"]
        code, out, _ = self.run(command, pem)
        return None if code else parse(out)

    def public_key(self, pem: bytes) -> str:
        """Return the public key of a private one, an empty string if it is none or asks for a passphrase."""
        code, out, _ = self.run(["openssl", "pkey", "-inform", "PEM", "-pubout", "-passin", "pass:"], pem)
        return "" if code else out.strip()

    def make(self, names: Sequence[str]) -> tuple[bytes, bytes]:
        """Return a new self-signed certificate for the names, and its key.

        Raises:
            ValueError: openssl makes none.

        """
        # Below /run, because a private key must not reach a disk before it has its mode.
        with tempfile.TemporaryDirectory(prefix="strata-tls-", dir="/run") as folder:
            made, key = f"{folder}/crt", f"{folder}/key"
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            command += ["-days", "365", "-subj", "/CN=self-signed", "-keyout", key, "-out", made]
            alternatives = ",".join(f"DNS:{name}" for name in names)
            code, out, err = self.run([*command, "-addext", f"subjectAltName={alternatives}"], b"")
            if code:
                raise ValueError(f"openssl makes no certificate for {names[0]}: {(out + err).strip()}")
            return tuple(read(path) or b"" for path in (made, key))


def wanted(sites: Sequence[Site], tool: Tool, *, check_mode: bool) -> Outcome:
    """Return the state of all files of certificates on this host, None for one that no site has any longer.

    Raises:
        ValueError: one is not fit for its site, or missing (which in check mode is a warning).

    """
    outcome = Outcome()
    if any(used(site.text) != ([], []) for site in sites):
        if shutil.which("openssl"):
            outcome = settle(sites, tool, read)
        elif not check_mode:
            raise ValueError("openssl is not installed: the package openssl must be there for SSL sites")
    if outcome.missing and not check_mode:
        raise ValueError(" ".join([*outcome.missing, "Nothing was changed."]))
    outcome.warnings += outcome.missing
    outcome.files = dict.fromkeys(glob.glob(f"{apache.ROOT}/{vhosts.TLS}/*")) | outcome.files
    return outcome


def settle(sites: Iterable[Site], tool: Tool, existing: Callable[[str], bytes | None]) -> Outcome:
    """Return the files of the sites' certificates, after all that the sites use were matched with their keys.

    Raises:
        ValueError: one is no certificate, no key, or they don't belong together.

    """
    outcome = Outcome()
    for site in sites:
        certificate = site.certificate
        if certificate and certificate.content:
            _add(outcome, site, *(text.encode() for text in certificate.content))
        elif certificate and certificate.self_signed:
            old = [existing(path) for path in _paths(site)]
            _add(outcome, site, *(old if _still_good(tool, old, certificate.names) else tool.make(certificate.names)))

        def content(path: str) -> bytes | None:
            return outcome.files[path].content if path in outcome.files else existing(path)

        _check(site, tool, content, outcome)
    return outcome


def _add(outcome: Outcome, site: Site, certificate: bytes, key: bytes) -> None:
    for path, content in zip(_paths(site), (certificate, key), strict=True):
        outcome.files[path] = File(content, _MODE, secret=True)


def _paths(site: Site) -> tuple[str, str]:
    return os.path.join(apache.ROOT, site.certificate.path), os.path.join(apache.ROOT, site.certificate.key)


def _still_good(tool: Tool, pair: Sequence[bytes | None], names: Iterable[str]) -> bool:
    if None in pair:
        return False
    shown = tool.certificate(pair[0])
    return (
        shown is not None
        and shown.names == frozenset(names)
        and shown.public_key == tool.public_key(pair[1])
        and shown.seconds_left() > _RENEWAL
    )


def _check(site: Site, tool: Tool, content: Callable[[str], bytes | None], outcome: Outcome) -> None:
    pairs, chains = used(site.text)
    for path in dict.fromkeys([*(path for pair in pairs for path in pair), *chains]):
        if content(path) is None:
            outcome.missing.append(f"{site}: there is no file {path}.")
    shown: dict[str, Shown] = {}
    for path in [*(certificate for certificate, _ in pairs), *chains]:
        pem = content(path)
        found = tool.certificate(pem) if pem is not None else None
        if found:
            shown[path] = found
            if found.seconds_left() < 0:
                outcome.warnings.append(f"{site}: the certificate {path} ended on {found.ends}.")
        elif pem is not None:
            raise ValueError(f"{site}: {path} is no certificate in PEM form; nothing was changed")
    for certificate, path in pairs:
        pem = content(path)
        if pem is not None and certificate in shown:
            _match(site, tool.public_key(pem), path, shown[certificate].public_key, certificate)


def _match(site: Site, public: str, key: str, expected: str, certificate: str) -> None:
    if not public:
        raise ValueError(
            f"{site}: {key} is no private key in PEM form that opens without a passphrase; nothing was changed"
        )
    if public != expected:
        raise ValueError(f"{site}: the key {key} does not belong to the certificate {certificate}; nothing was changed")


def read(path: str) -> bytes | None:
    """Return the content of a file of the host, None if there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
