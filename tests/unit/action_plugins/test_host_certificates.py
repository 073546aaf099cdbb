"""The site's CA: made once, kept to itself, and what it signs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("host_certificates_action", ROOT / "action_plugins/host_certificates.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)

DECLARED = [
    {"name": "web", "names": ["web.example.org", "*.web.example.org", "192.0.2.1", "2001:db8::1"]},
    {"name": "host.example.org"},
    {"name": "own", "source": "self_signed"},
]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(key: Any, asks_for: str = "other.example.org") -> str:
    """Return a request that asks for more than anybody declared."""
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, asks_for)]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(asks_for)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def authority(tmp_path: Path) -> Any:
    made = action.Authority(str(tmp_path / "site/ca"), "Trial CA")
    made.roots(make=True)
    return made


def sign(authority: Any, name: str = "web", days: int = 90, text: str = "") -> x509.Certificate:
    wanted = [{"name": name, "request": text or request(new_key())}]
    return x509.load_pem_x509_certificate(action.signed(authority, wanted, DECLARED, days)[name].encode())


def use(authority: Any) -> None:
    """Do what a run does with the CA."""
    authority.roots(make=True)
    sign(authority)


def test_a_ca_is_made_that_nobody_else_gets_at(authority: Any) -> None:
    folder = Path(authority.folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert authority.roots(make=True) == [{"name": "ca", "certificate": (folder / "ca.crt").read_text()}]
    assert authority.warning() == ""


def test_check_mode_makes_no_ca(tmp_path: Path) -> None:
    authority = action.Authority(str(tmp_path / "ca"), "Trial CA")
    assert authority.roots(make=False) == [{"name": "ca", "certificate": ""}]
    assert not list(tmp_path.iterdir())


def make(folder: str) -> str:
    return str(action.Authority(folder, "Trial CA").roots(make=True))


def test_many_at_once_make_one_ca(tmp_path: Path) -> None:
    with ProcessPoolExecutor(8) as pool:
        assert len(set(pool.map(make, [str(tmp_path / "ca")] * 32))) == 1


def test_a_lone_key_gets_its_certificate_again(authority: Any) -> None:
    before = sign(authority)
    Path(authority.certificate_file).unlink()
    root = x509.load_pem_x509_certificate(authority.roots(make=True)[0]["certificate"].encode())
    before.verify_directly_issued_by(root)


def test_only_what_is_declared_is_signed(authority: Any) -> None:
    key = new_key()
    made = sign(authority, text=request(key))
    root = x509.load_pem_x509_certificate(authority.roots(make=False)[0]["certificate"].encode())
    made.verify_directly_issued_by(root)
    assert made.public_key() == key.public_key()
    assert made.subject.rfc4514_string() == "CN=web.example.org"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example.org", "*.web.example.org"]
    assert [str(found) for found in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {found._name for found in usages} == {"serverAuth", "clientAuth"}
    left = made.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)
    assert sign(authority).serial_number != made.serial_number
    names = sign(authority, "host.example.org").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["host.example.org"]


def test_a_long_name_is_an_alternative_one_only(authority: Any) -> None:
    name = f"{'a' * 60}.example.org"
    made = x509.load_pem_x509_certificate(authority.sign(request(new_key()), [name], 1).encode())
    assert not list(made.subject)
    assert made.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_certificate_does_not_outlive_its_ca(authority: Any) -> None:
    root = x509.load_pem_x509_certificate(authority.roots(make=False)[0]["certificate"].encode())
    assert sign(authority, days=5000).not_valid_after_utc == root.not_valid_after_utc


@pytest.mark.parametrize("name", ["other", "own"])
def test_what_is_not_declared_for_the_ca_is_not_signed(authority: Any, name: str) -> None:
    with pytest.raises(action.AuthorityError, match=f"asks for a certificate '{name}', which was not declared"):
        sign(authority, name)


def tampered() -> str:
    """Return a request whose key was exchanged after it was signed."""
    old, new = new_key(), new_key()
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = x509.load_pem_x509_csr(request(old).encode()).public_bytes(serialization.Encoding.DER)
    der = der.replace(old.public_key().public_bytes(*encoding), new.public_key().public_bytes(*encoding))
    found = x509.load_der_x509_csr(der)
    assert found.public_key() == new.public_key()
    return found.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("garbage", "is not a request for a certificate"),
        (tampered(), "is not signed with its key"),
        (request(rsa.generate_private_key(65537, 2048)), "is not one of ECDSA P-256"),
        (request(ec.generate_private_key(ec.SECP384R1())), "is not one of ECDSA P-256"),
    ],
)
def test_a_request_that_is_wrong_is_refused(authority: Any, text: str, message: str) -> None:
    with pytest.raises(action.AuthorityError, match=f"^the certificate web: .*{message}"):
        sign(authority, text=text)


def root(key: Any, days: int, issuer: str = "Trial CA") -> bytes:
    """Return a CA's certificate that ends in so many days."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().public_key(key.public_key()).serial_number(1)
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trial CA")]))
    builder = builder.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
    builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.SubjectKeyIdentifier(b"a name of its own"), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_end_of_the_ca_is_warned_of_in_time(authority: Any) -> None:
    key = serialization.load_pem_private_key(Path(authority.key_file).read_bytes(), None)
    Path(authority.certificate_file).write_bytes(root(key, 300))
    assert authority.roots(make=True)
    assert f"the CA {authority.certificate_file} ends in 299 days" in authority.warning()
    identifier = sign(authority).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert identifier.key_identifier == b"a name of its own"
    Path(authority.certificate_file).write_bytes(root(key, -1))
    with pytest.raises(action.AuthorityError, match=f"^the CA {authority.certificate_file} ended on "):
        authority.roots(make=True)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ca.crt", b"garbage", "ca.crt is not a certificate in PEM form"),
        ("ca.crt", root(new_key(), 900, "Another CA"), "ca.crt is not a root: another CA has signed it"),
        ("ca.crt", root(new_key(), 900), "the key .*ca.key does not belong to .*ca.crt"),
        ("ca.key", b"garbage", "ca.key is not a private key that opens without a passphrase"),
        ("ca.key", None, "the CA has no key .*ca.key: put it back"),
        ("old.crt", b"garbage", "old.crt is not a certificate in PEM form"),
    ],
)
def test_a_ca_that_cannot_be_used_is_named(authority: Any, file: str, content: bytes | None, message: str) -> None:
    path = Path(authority.folder) / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(action.AuthorityError, match=message):
        use(authority)


@pytest.mark.parametrize(("file", "mode"), [(".", 0o750), ("ca.key", 0o640)])
def test_a_key_that_others_get_at_is_not_used(authority: Any, file: str, mode: int) -> None:
    (Path(authority.folder) / file).chmod(mode)
    with pytest.raises(action.AuthorityError, match=r"others can get at .*: chmod [67]00 it"):
        use(authority)


def test_the_ca_before_this_one_is_trusted_beside_it(authority: Any) -> None:
    folder = Path(authority.folder)
    old = (folder / "ca.crt").read_text()
    (folder / "ca.crt").rename(folder / "old.crt")
    (folder / "ca.key").unlink()
    roots = authority.roots(make=True)
    assert [each["name"] for each in roots] == ["ca", "old"]
    assert roots[1]["certificate"] == old != roots[0]["certificate"]


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_key_does_not_get_into_a_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("/kept/\n")
    (tmp_path / "kept").mkdir()
    with pytest.raises(action.AuthorityError, match="is in a git repository"):
        make(str(tmp_path / "deep/ca"))
    assert not (tmp_path / "deep").exists()
    assert "BEGIN CERTIFICATE" in make(str(tmp_path / "kept/ca"))


def test_a_host_that_does_not_take_what_was_signed_is_told_which_certificates(authority: Any) -> None:
    asking = {"wanted": [{"name": "web", "request": request(new_key())}]}

    class Plugin(action.ActionModule):
        _task = SimpleNamespace(check_mode=False)

        def __init__(self) -> None:
            """Ask for the same whatever was signed."""

        def _call(self, _arguments: dict[str, Any]) -> dict[str, Any]:
            return dict(asking)

    with pytest.raises(action.AuthorityError, match=rf"does not take what {authority.certificate_file} .* for 'web'$"):
        Plugin()._converge({"certificates": DECLARED}, authority)
