"""Files that others bring: renewed certificates, authorities of backends, lists of users."""

from __future__ import annotations

import time

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

MAKE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=x "
    "-addext subjectAltName=DNS:{name} -keyout {path}.key -out {path}.crt"
)
RENEWED = "renewed.example.org"
BACKEND = """
import http.server, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/backend.crt", "/etc/backend.key")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"behind TLS")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8084), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def make(host, name, path):
    """Make a certificate and its key, and return the certificate."""
    host.check_output(MAKE.format(name=name, path=path))
    return host.file(f"{path}.crt").content_string


@pytest.fixture
def restored(host, converge):
    """Bring the scenario's own state back after the test."""
    yield
    assert converge().rc == 0
    host.check_output("rm -f /etc/renewed.* /etc/new.* /etc/backend.* /etc/own.htpasswd")


@pytest.mark.usefixtures("restored")
def test_certificate_that_others_renewed_is_served(host, converge, fingerprint, probe, address, declared):
    paths = {"certificate": "/etc/renewed.crt", "key": "/etc/renewed.key"}
    vhosts = [*declared["httpd_vhosts"], {"name": RENEWED, "docroot": "/var/www/html", "ssl": True, **paths}]
    old = make(host, RENEWED, "/etc/renewed")
    assert converge(httpd_vhosts=vhosts).rc == 0
    assert ask(probe, address, RENEWED, "/", trusted=old)["status"] == 200
    assert converge(httpd_vhosts=vhosts).changed == 0

    new = make(host, RENEWED, "/etc/new")
    host.check_output("cp /etc/new.crt /etc/renewed.crt")
    before = fingerprint()
    run = converge(httpd_vhosts=vhosts)
    assert run.rc != 0
    assert "/etc/renewed.key does not belong to the certificate /etc/renewed.crt" in run.said
    assert fingerprint() == before

    host.check_output("touch -d 2020-01-01 /etc/new.key && cp -p /etc/new.key /etc/renewed.key")
    before = fingerprint()
    predicted = converge(check=True, httpd_vhosts=vhosts)
    assert fingerprint() == before
    run = converge(httpd_vhosts=vhosts)
    for each in (predicted, run):
        assert (each.rc, each.changed) == (0, 1)
        assert (each.results[-1]["paths"], each.results[-1]["service"]) == ([], ["reload"])
    assert ask(probe, address, RENEWED, "/", trusted=new)["status"] == 200
    assert converge(httpd_vhosts=vhosts).changed == 0


@pytest.fixture
def backend(host):
    """Start a backend that speaks TLS as `localhost`."""
    make(host, "localhost", "/etc/backend")
    host.check_output("systemd-run --collect --unit=backend-tls python3 -c %s", BACKEND)
    deadline = time.monotonic() + 60
    while not host.socket("tcp://127.0.0.1:8084").is_listening:
        assert time.monotonic() < deadline
    yield
    host.check_output("systemctl stop backend-tls")


@pytest.mark.usefixtures("restored", "backend")
def test_backend_of_tls_must_prove_itself(converge, probe, address, declared):
    ways = {
        "own.example.org": {"dest_ca": "/etc/backend.crt"},
        "system.example.org": {},
        "wrong-name.example.org": {"dest": "https://127.0.0.1:8084", "dest_ca": "/etc/backend.crt"},
        "believed.example.org": {"dest": "https://127.0.0.1:8084", "dest_verify": False},
    }
    vhosts = [{"name": name, "kind": "proxy", "dest": "https://localhost:8084", **more} for name, more in ways.items()]
    assert converge(httpd_vhosts=[*declared["httpd_vhosts"], *vhosts]).rc == 0
    answers = {name: ask(probe, address, name, "/") for name in ways}
    assert {name: answer["status"] for name, answer in answers.items()} == {
        "own.example.org": 200,
        "system.example.org": 500,
        "wrong-name.example.org": 500,
        "believed.example.org": 200,
    }
    assert answers["own.example.org"]["text"] == "behind TLS"


@pytest.mark.usefixtures("restored")
def test_list_of_users_that_apache_cannot_read_is_refused(host, converge, fingerprint, declared):
    path = "/etc/own.htpasswd"
    auth = {"name": "x", "user_file": path}
    vhosts = [*declared["httpd_vhosts"], {"name": "own.example.org", "docroot": "/var/www/html", "auth": auth}]
    before = fingerprint()
    run = converge(check=True, httpd_vhosts=vhosts)
    assert (run.rc, run.changed) == (0, 1)
    messages = [f"vhost own.example.org (httpd_vhosts): there is no file of users {path}."]
    assert messages[0] in run.said
    run = converge(httpd_vhosts=vhosts)
    assert run.rc != 0
    assert messages[0] in run.said
    assert fingerprint() == before
    host.check_output(f"install -m 600 /etc/private.htpasswd {path}")
    run = converge(httpd_vhosts=vhosts)
    assert run.rc != 0
    assert f"(httpd_vhosts): the user www-data cannot read {path}" in run.said
    host.check_output(f"chgrp www-data {path} && chmod 640 {path}")
    assert converge(httpd_vhosts=vhosts).rc == 0
