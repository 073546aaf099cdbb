"""Certificates of sites: made where that is declared, and matched with their keys before Apache reads them."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.host import ROOT
from ansible.module_utils.strata.apache.text import values_of
from ansible.module_utils.strata.apache.vhosts import TLS
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ansible.module_utils.strata.apache.vhosts import Certificate, Site
    from ansible.module_utils.strata.files import State
    from ansible.module_utils.strata.openssl import Shown, Tool

_MODE = 0o640
# A self-signed certificate is made anew when it has less time left than this.
_RENEWAL = 30 * 24 * 3600


@dataclass
class Outcome:
    """The files to write, and what does not keep anything from going on."""

    files: dict[str, State] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def used(raw: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the pairs of certificate and key that a site's text names, and its chains, as absolute paths.

    A certificate without a key of its own has it in the same file.
    """
    certificates, keys, chains = (
        [os.path.join(ROOT, path) for path in values_of(f"SSLCertificate{kind}File", raw) if "${" not in path]
        for kind in ("", "Key", "Chain")
    )
    return list(zip(certificates, keys or certificates, strict=False)), chains


def wanted(sites: Sequence[Site], tool: Tool, *, check_mode: bool) -> Outcome:
    """Return the state of all files of certificates on this host, None for one that no site has any longer.

    Raises:
        DeclarationError: one is not fit for its site, or missing (which in check mode is a warning).

    """
    outcome = Outcome()
    if any(used(site.text) != ([], []) for site in sites):
        if shutil.which("openssl"):
            outcome = resolve(sites, tool, read)
        elif not check_mode:
            raise DeclarationError("openssl is not installed: the package openssl must be there for SSL sites")
    if outcome.missing and not check_mode:
        raise DeclarationError(" ".join([*outcome.missing, "Nothing was changed."]))
    outcome.warnings += outcome.missing
    outcome.files = dict.fromkeys(glob.glob(f"{ROOT}/{TLS}/*")) | outcome.files
    return outcome


def resolve(sites: Iterable[Site], tool: Tool, existing: Callable[[str], bytes | None]) -> Outcome:
    """Return the files of the sites' certificates, after all that the sites use were matched with their keys.

    Raises:
        DeclarationError: one is not a certificate or key, or they don't belong together.

    """
    outcome = Outcome()
    for site in sites:
        certificate = site.certificate
        if certificate and certificate.content:
            _add(outcome, certificate, *(text.encode() for text in certificate.content))
        elif certificate and certificate.self_signed:
            old, key = map(existing, _paths(certificate))
            _add(outcome, certificate, *(_good(tool, old, key, certificate.names) or tool.make(certificate.names)))

        def content(path: str) -> bytes | None:
            state = outcome.files.get(path)
            return state.content if isinstance(state, File) else existing(path)

        _check(site, tool, content, outcome)
    return outcome


def _add(outcome: Outcome, named: Certificate, certificate: bytes, key: bytes) -> None:
    for path, content in zip(_paths(named), (certificate, key), strict=True):
        outcome.files[path] = File(content, _MODE, secret=True)


def _paths(named: Certificate) -> tuple[str, str]:
    return os.path.join(ROOT, named.path), os.path.join(ROOT, named.key)


def _good(tool: Tool, certificate: bytes | None, key: bytes | None, names: Iterable[str]) -> tuple[bytes, bytes] | None:
    if certificate is None or key is None:
        return None
    shown = tool.certificate(certificate)
    good = (
        shown is not None
        and shown.names == frozenset(names)
        and shown.public_key == tool.public_key(key)
        and shown.seconds_left() > _RENEWAL
    )
    return (certificate, key) if good else None


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
            raise DeclarationError(f"{site}: {path} is not a certificate in PEM form; nothing was changed")
    for certificate, path in pairs:
        pem = content(path)
        if pem is not None and certificate in shown:
            _match(site, tool.public_key(pem), path, shown[certificate].public_key, certificate)


def _match(site: Site, public: str, key: str, expected: str, certificate: str) -> None:
    if not public:
        raise DeclarationError(
            f"{site}: {key} is not a private key in PEM form that opens without a passphrase; nothing was changed"
        )
    if public != expected:
        raise DeclarationError(
            f"{site}: the key {key} does not belong to the certificate {certificate}; nothing was changed"
        )


def read(path: str) -> bytes | None:
    """Return the content of a file of the host, None if there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
