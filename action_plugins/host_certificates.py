"""The site's CA, a folder of the control side: it signs what hosts ask for, as far as that was declared for them."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificateIssuerPublicKeyTypes,
    )

LIFETIME = timedelta(days=3650)
#: A CA that ends in less than this is warned of.
SHORT = timedelta(days=365)
#: A host whose clock is slow by less than this takes a new certificate for valid.
SKEW = timedelta(hours=1)
CN_LENGTH = 64


class AuthorityError(Exception):
    """The CA cannot do what is asked; the text is one sentence for the user."""


class Authority:
    """A CA: `ca.crt` and `ca.key` in a folder that is nobody else's."""

    def __init__(self, folder: str, name: str) -> None:
        """Keep the folder, and the name for a CA that is made."""
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self.name = name
        self.certificate_file = os.path.join(self.folder, "ca.crt")
        self.key_file = os.path.join(self.folder, "ca.key")

    def roots(self, *, make: bool) -> list[dict[str, str]]:
        """Return the certificates that hosts trust, by name: the CA's, which is made if it is missing, and others.

        Raises:
            AuthorityError: there is none that can be used.

        """
        if make and not os.path.exists(self.certificate_file):
            self._make()
        if os.path.isdir(self.folder):
            _require_private(self.folder)
        own = self._own() if os.path.exists(self.certificate_file) else ""
        others = [{"name": name, "certificate": _text(_load(path))} for name, path in _other_roots(self.folder)]
        return [{"name": "ca", "certificate": own}, *others]

    def warning(self) -> str:
        """Return what is to be said of the CA's end, nothing if it is far away."""
        if not os.path.exists(self.certificate_file) or self._left() > SHORT:
            return ""
        return f"the CA {self.certificate_file} ends in {self._left().days} days: replace it in time"

    def sign(self, request: str, names: Sequence[str], days: int) -> str:
        """Return a certificate for the key of a request; nothing else of the request counts.

        Raises:
            AuthorityError: the request is not made with its key, or the CA's own key is not there.

        """
        asked = _load_request(request)
        certificate, key = _load(self.certificate_file), self._key()
        if certificate.public_key() != key.public_key():
            raise AuthorityError(f"the key {self.key_file} does not belong to {self.certificate_file}")
        now = datetime.now(UTC)
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if len(names[0]) <= CN_LENGTH else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(certificate.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - SKEW, certificate.not_valid_before_utc))
            .not_valid_after(min(now + timedelta(days=days), certificate.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=not subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(asked.public_key()), critical=False)
            .add_extension(_identifier(certificate), critical=False)
        )
        return _text(builder.sign(key, hashes.SHA256()))

    def _make(self) -> None:
        """Make the CA; of several processes that want to, one does."""
        _refuse_repository(self.folder)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        _require_private(self.folder)
        with _locked(os.path.join(self.folder, ".lock")):
            if os.path.exists(self.certificate_file):
                return
            # The certificate comes last: a key alone is what a killed run has left, or what a backup has saved.
            if not os.path.exists(self.key_file):
                new = ec.generate_private_key(ec.SECP256R1())
                encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
                _write(self.key_file, new.private_bytes(*encoding, serialization.NoEncryption()), 0o600)
            key, now = self._key(), datetime.now(UTC)
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
            builder = (
                x509.CertificateBuilder()
                .subject_name(name)
                .issuer_name(name)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - SKEW)
                .not_valid_after(now + LIFETIME)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            )
            _write(self.certificate_file, _text(builder.sign(key, hashes.SHA256())).encode(), 0o644)

    def _own(self) -> str:
        certificate = _load(self.certificate_file)
        if certificate.issuer != certificate.subject:
            raise AuthorityError(f"{self.certificate_file} is not a root: another CA has signed it")
        if self._left() < timedelta():
            raise AuthorityError(
                f"the CA {self.certificate_file} ended on {certificate.not_valid_after_utc:%Y-%m-%d}: "
                "replace it, as the README of the role certificates says"
            )
        return _text(certificate)

    def _left(self) -> timedelta:
        return _load(self.certificate_file).not_valid_after_utc - datetime.now(UTC)

    def _key(self) -> CertificateIssuerPrivateKeyTypes:
        if not os.path.exists(self.key_file):
            raise AuthorityError(
                f"the CA has no key {self.key_file}: put it back, or move {self.certificate_file} away"
            )
        _require_private(self.key_file)
        try:
            key = serialization.load_pem_private_key(_read(self.key_file), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise AuthorityError(f"{self.key_file} is not a private key that opens without a passphrase") from None
        return cast("CertificateIssuerPrivateKeyTypes", key)


def _load(path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError:
        raise AuthorityError(f"{path} is not a certificate in PEM form") from None


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return how certificates name the key of who signs them; a CA that others made may have chosen that name."""
    try:
        named = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        key = cast("CertificateIssuerPublicKeyTypes", issuer.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named.value)


def _load_request(text: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise AuthorityError("what the host asks for is not a request for a certificate") from None
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)):
        raise AuthorityError("the host's key is not one of ECDSA P-256")
    if not request.is_signature_valid:
        raise AuthorityError("the host's request is not signed with its key")
    return request


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(**used: bool) -> x509.KeyUsage:
    unused = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(unused | used))


def _other_roots(folder: str) -> Iterator[tuple[str, str]]:
    """Give name and path of each certificate that is trusted besides, such as that of the CA before this one."""
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        name, end = os.path.splitext(file)
        if end == ".crt" and name != "ca" and not name.startswith("."):
            yield name, os.path.join(folder, file)


def _require_private(path: str) -> None:
    if os.stat(path).st_mode & 0o077:
        mode = "700" if os.path.isdir(path) else "600"
        raise AuthorityError(f"others can get at {path}, where the CA's key is: chmod {mode} it")


def _refuse_repository(folder: str) -> None:
    """Refuse a folder that git would take into a repository."""
    parent = folder
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    with contextlib.suppress(FileNotFoundError):
        asked = ["git", "-C", parent, "check-ignore", "--quiet", os.path.join(folder, "ca.key")]
        # 0: it is ignored, 128: there is no repository.
        if subprocess.run(asked, capture_output=True, check=False).returncode == 1:
            raise AuthorityError(
                f"{folder} is in a git repository, which must not have the CA's key: name another folder"
            )


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    with open(path, "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _write(path: str, content: bytes, mode: int) -> None:
    """Write a file at once, never readable for others before it has its mode."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        os.fchmod(descriptor, mode)
        stream.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)


class ActionModule(ActionBase):
    """Converge in one remote call; if the CA must sign something, nothing has changed yet, and a second one does."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    #: The module's answer to the first call, in check mode, is what the task would answer: a plan needs nothing else.
    PLANNED_BY_FIRST_CALL = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        self._vars = task_vars
        arguments = dict(self._task.args)
        wants_ca = boolean(arguments.pop("ca", False))
        folder, name = arguments.pop("ca_folder", ""), arguments.pop("ca_name", "Internal CA")
        if wants_ca and not folder:
            return result | {"failed": True, "msg": "a CA needs ca_folder, a folder of the control side"}
        try:
            answer = self._converge(arguments, Authority(folder, name) if wants_ca else None)
        except (AuthorityError, OSError) as error:
            return result | {"failed": True, "msg": f"{error}; nothing was changed on the host"}
        return result | answer

    def _converge(self, arguments: dict[str, Any], authority: Authority | None) -> dict[str, Any]:
        if authority is None:
            return self._call(arguments)
        arguments["roots"] = authority.roots(make=not self._task.check_mode)
        answer = self._call(arguments)
        if "wanted" in answer:
            declared = arguments.get("certificates") or []
            arguments["signed"] = signed(authority, answer["wanted"], declared, int(arguments.get("lifetime", 90)))
            answer = self._call(arguments)
            if "wanted" in answer:
                names = ", ".join(repr(each["name"]) for each in answer["wanted"])
                raise AuthorityError(f"the host does not take what {authority.certificate_file} has signed for {names}")
        if warning := authority.warning():
            answer.setdefault("warnings", []).append(warning)
        return answer

    def _call(self, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self._execute_module(module_args=arguments, task_vars=self._vars)
        answer.pop("invocation", None)
        return answer


def signed(
    authority: Authority, wanted: Iterable[dict[str, str]], declared: Iterable[dict[str, Any]], days: int
) -> dict[str, str]:
    """Return certificates for what a host wants, by name, with the names that were declared for each.

    Raises:
        AuthorityError: something was not declared for this host.

    """
    names = {
        f"{each['name']}": [f"{name}" for name in each.get("names") or [each["name"]]]
        for each in declared
        if each.get("source", "ca") == "ca"
    }
    found = {}
    for each in wanted:
        if each["name"] not in names:
            raise AuthorityError(f"the host asks for a certificate {each['name']!r}, which was not declared for it")
        try:
            found[each["name"]] = authority.sign(each["request"], names[each["name"]], days)
        except (AuthorityError, ValueError) as error:
            raise AuthorityError(f"the certificate {each['name']}: {error}") from error
    return found
