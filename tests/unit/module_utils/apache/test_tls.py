"""Certificates of sites: which ones a site uses, and what is refused of them."""

import shutil
import subprocess

import pytest
from ansible.module_utils.strata import openssl
from ansible.module_utils.strata.apache import tls, vhosts
from ansible.module_utils.strata.apache.host import ROOT

from .samples import vhost

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
OWN = f"{ROOT}/{vhosts.TLS}"


def run(command, data=b""):
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def new_pair(days=365, *names):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", str(days), "-subj", "/CN=x", "-keyout", "-", "-out", "-"]
    alternatives = ",".join(f"DNS:{name}" for name in names or ["a.example.org"])
    _, text, _ = run([*command, "-addext", f"subjectAltName={alternatives}"])
    start = text.index("-----BEGIN CERTIFICATE")
    return text[start:].encode(), text[:start].encode()


@pytest.fixture(scope="module")
def pair():
    return new_pair()


def site(**more):
    return vhosts.sites([vhost(**{"origin": "httpd_vhosts", "docroot": "/srv/a", "ssl": True} | more)])[0]


def resolve(declared, present):
    return tls.resolve([declared], openssl.Tool(run), present.get)


PATHS = {"certificate": "/etc/a.crt", "key": "/etc/a.key"}


def test_raw_text_names_its_certificates():
    text = (
        "SSLCertificateFile '/my a.crt'\n"
        ' sslcertificatekeyfile "b.key"\nSSLCertificateChainFile /c\nSSLCertificateFileX /d'
    )
    assert tls.used(text) == ([("/my a.crt", "/etc/apache2/b.key")], ["/c"])
    assert tls.used("SSLCertificateFile /both.pem") == ([("/both.pem", "/both.pem")], [])
    assert tls.used("# SSLCertificateFile /a\nSSLCertificateFile ${X}/a") == ([], [])


def test_pair_that_belongs_together_is_taken(pair):
    outcome = resolve(site(**PATHS), {"/etc/a.crt": pair[0], "/etc/a.key": pair[1]})
    assert outcome == tls.Outcome()


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (b"garbage", None, "/etc/a.crt is not a certificate"),
        (None, b"garbage", "/etc/a.key is not a private key"),
        (None, new_pair()[1], "the key /etc/a.key does not belong to the certificate /etc/a.crt"),
    ],
)
def test_unfit_pair_is_refused_by_name(pair, certificate, key, message):
    present = {"/etc/a.crt": certificate or pair[0], "/etc/a.key": key or pair[1]}
    with pytest.raises(ValueError, match=rf"^vhost a\.example\.org \(httpd_vhosts\): {message}"):
        resolve(site(**PATHS), present)


def test_missing_files_are_named(pair):
    missing = resolve(site(**PATHS, chain="/etc/c"), {"/etc/a.crt": pair[0]}).missing
    assert [sentence.split()[-1] for sentence in missing] == ["/etc/a.key.", "/etc/c."]


def test_end_of_a_certificate_is_named(pair, monkeypatch):
    ends = openssl.Tool(run).certificate(pair[0]).ends
    monkeypatch.setattr(openssl.time, "time", lambda: 4e9)
    warnings = resolve(site(**PATHS), {"/etc/a.crt": pair[0], "/etc/a.key": pair[1]}).warnings
    assert warnings == [f"vhost a.example.org (httpd_vhosts): the certificate /etc/a.crt ended on {ends}."]


def test_content_becomes_secret_files(pair):
    given = site(certificate_content=pair[0].decode(), key_content=pair[1].decode())
    written = resolve(given, {}).files
    assert {path: (file.content, file.mode, file.secret) for path, file in written.items()} == {
        f"{OWN}/25-a.example.org.crt": (pair[0], 0o640, True),
        f"{OWN}/25-a.example.org.key": (pair[1], 0o640, True),
    }
    assert pair[1].decode() not in repr(given)


@pytest.mark.parametrize(
    ("days", "names", "kept"),
    [(365, ["a.example.org"], True), (29, ["a.example.org"], False), (365, ["b.example.org"], False)],
)
def test_self_signed_certificate_is_kept_while_it_fits(monkeypatch, days, names, kept):
    old, new = new_pair(days, *names), new_pair()
    monkeypatch.setattr(openssl.Tool, "make", lambda _, names: new if names == ("a.example.org",) else None)
    present = dict(zip([f"{OWN}/25-a.example.org.crt", f"{OWN}/25-a.example.org.key"], old, strict=True))
    written = [file.content for file in resolve(site(self_signed=True), present).files.values()]
    assert written == list(old if kept else new)
