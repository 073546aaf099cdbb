"""Sites over TLS: certificates, protocols, and what leads from plain HTTP to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from http_client import ask

pytestmark = pytest.mark.spread

SCENARIO = Path(__file__).parents[3] / "molecule" / "httpd" / "molecule.yml"
VHOSTS = yaml.safe_load(SCENARIO.read_text())["provisioner"]["inventory"]["group_vars"]["targets"]["httpd_vhosts"]
OWN = "/etc/apache2/strata-tls"
HANDSHAKE = """
import socket, ssl, sys, warnings
warnings.simplefilter("ignore")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[2]]
try:
    connection = socket.create_connection((sys.argv[1], 443))
    print(context.wrap_socket(connection, server_hostname="secure.example.org").version())
except ssl.SSLError as error:
    print(error.reason)
"""


@pytest.mark.parametrize("name", ["secure.example.org", "www.secure.example.org", "any.secure.example.org"])
def test_self_signed_certificate_proves_every_name(host, probe, address, name):
    certificate = host.file(f"{OWN}/25-secure.example.org.crt").content_string
    answer = ask(probe, address, name, "/Apache-2.0", trusted=certificate)
    assert answer["status"] == 200
    assert "Apache License" in answer["text"]
    assert answer["headers"]["Strict-Transport-Security"] == "max-age=3600"


def test_site_on_another_port_shows_its_own_certificate(host, address):
    certificate = host.file(f"{OWN}/10-app.secure.example.org.crt").content_string
    answer = ask(host, address, "app.secure.example.org", "/", port=8443, trusted=certificate)
    assert answer["status"] == 503
    assert "Strict-Transport-Security" not in answer["headers"]


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("secure.example.org", "https://secure.example.org/a?b"),
        ("www.secure.example.org", "https://www.secure.example.org/a?b"),
        ("any.secure.example.org", "https://secure.example.org/a?b"),
        ("app.secure.example.org", "https://app.secure.example.org:8443/a?b"),
    ],
)
def test_plain_http_leads_to_tls(probe, address, name, location):
    answer = ask(probe, address, name, "/a?b")
    assert (answer["status"], answer["headers"]["Location"]) == (301, location)


def test_old_protocols_are_refused(probe, address):
    said = {
        version: probe.check_output("python3 -c %s %s %s", HANDSHAKE, address, version)
        for version in ("TLSv1_1", "TLSv1_2", "TLSv1_3")
    }
    assert said == {"TLSv1_1": "TLSV1_ALERT_PROTOCOL_VERSION", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}


def test_certificate_from_content_is_served_and_never_shown(host, converge, probe, address):
    pair = [host.file(f"{OWN}/25-secure.example.org.{end}").content_string for end in ("crt", "key")]
    line = pair[1].splitlines()[1]
    vhost = {
        "name": "given.secure.example.org",
        "docroot": "/usr/share/common-licenses",
        "ssl": True,
        "certificate_content": pair[0],
        "key_content": pair[1],
    }
    path = f"{OWN}/25-given.secure.example.org.key"
    try:
        runs = [converge("--diff", "-vv", httpd_vhosts=[*VHOSTS, vhost])]
        assert runs[0].rc == 0
        assert host.file(path).mode == 0o640
        assert host.file(path).user == "root"
        assert host.file(path).content_string == pair[1]
        answer = ask(probe, address, "given.secure.example.org", "/Apache-2.0", trusted=pair[0])
        assert answer["status"] == 200
    finally:
        runs.append(converge("--diff", "-vv"))
    assert runs[1].rc == 0
    assert not host.file(path).exists
    for run in runs:
        assert path in run.output
        assert line not in run.output
    assert host.run("journalctl -q --output=cat | grep -qF %s", line).rc == 1


def test_self_signed_certificate_that_fits_no_longer_is_made_anew(host, converge):
    path = f"{OWN}/25-secure.example.org.crt"
    old = host.file(path).content
    host.check_output(f"cp {OWN}/10-app.secure.example.org.crt {path}")
    run = converge()
    assert (run.rc, run.changed) == (0, 1)
    assert host.file(path).content != old
    assert "*.secure.example.org" in host.check_output(f"openssl x509 -in {path} -noout -ext subjectAltName")
    assert converge().changed == 0
