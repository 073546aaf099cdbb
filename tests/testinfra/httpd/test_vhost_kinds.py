"""Each kind of vhost, with real backends behind Apache, as the scenario declares them."""

from __future__ import annotations

import base64

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"uwsgi {environ['HTTP_HOST']} {environ['PATH_INFO']}".encode()]
"""
# Shows the headers that it got; changes the protocol if it is asked to, and then says a line.
TALK = """
import http.server, os, socketserver, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.headers["Upgrade"] == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.write(b"talking\\n")
            self.close_connection = True
            return
        text = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
class AtSocket(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        return self.socket.accept()[0], ("socket", 0)
os.umask(0)
os.mkdir("/run/my app")
threading.Thread(target=AtSocket("/run/my app/web.sock", Handler).serve_forever).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 8082), Handler).serve_forever()
"""
READY = """
import socket, sys, time
deadline = time.monotonic() + 60
for port in (8081, 8082, 8083):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"nothing listens on {port}")
            time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def backends(host):
    """Start a backend for each vhost that needs one."""
    commands = {
        "files": ("", "python3 -m http.server --directory=/usr/share/common-licenses --bind=127.0.0.1 8081"),
        "talk": ("", "python3 /run/talk.py"),
        "app": (
            "--property=RuntimeDirectory=app",
            "uwsgi --plugin=python3 --socket=/run/app/app.sock --chmod-socket=666 --socket=:8083 --wsgi-file=/run/wsgi",
        ),
    }
    host.check_output("printf %%s %s > /run/talk.py; printf %%s %s > /run/wsgi", TALK, APP)
    try:
        for unit, (properties, command) in commands.items():
            host.check_output(f"systemd-run --collect --unit=backend-{unit} {properties} {command}")
        host.check_output("python3 -c %s", READY)
        yield
    finally:
        host.run("systemctl stop backend-files backend-talk backend-app; rm -r /run/talk.py /run/wsgi '/run/my app'")


@pytest.mark.parametrize(
    ("site", "status", "location"),
    [
        ("moved.example.org", 302, "http://new.example.org/base/a/b?c=d"),
        ("gone.example.org", 301, "https://new.example.org/a/b?c=d"),
        ("www.gone.example.org", 301, "https://new.example.org/a/b?c=d"),
    ],
)
def test_redirect_leads_to_the_same_page_elsewhere(probe, address, site, status, location):
    answer = ask(probe, address, site, "/a/b?c=d")
    assert (answer["status"], answer["headers"]["Location"]) == (status, location)


@pytest.mark.usefixtures("backends")
def test_proxy_answers_with_the_backends_page_except_for_exclusions(probe, address):
    assert "Apache License" in ask(probe, address, "proxy.example.org", "/Apache-2.0")["text"]
    assert "Apache2 Debian Default Page" in ask(probe, address, "proxy.example.org", "/index.html")["text"]


@pytest.mark.usefixtures("backends")
def test_proxy_keeps_the_host_and_tells_the_scheme(host):
    spoofed = {"X-Forwarded-Proto": "https", "Proxy": "http://192.0.2.1"}
    headers = ask(host, "127.0.0.1", "talk.example.org", "/", **spoofed)["text"]
    assert "192.0.2.1" not in headers
    assert "Host: talk.example.org" in headers
    assert "X-Forwarded-Proto: http\n" in headers.replace("\r", "")


@pytest.mark.usefixtures("backends")
def test_proxy_leads_to_a_socket_and_paths_may_have_blanks(host, probe, address):
    assert "Host: localhost" in ask(probe, address, "socket.example.org", "/")["text"]
    assert ask(probe, address, "socket.example.org", "/my%20page")["text"] == "a page of the docroot\n"
    assert '"GET /my%20page' in host.file("/srv/my logs/socket.example.org_access.log").content_string


@pytest.mark.usefixtures("backends")
def test_site_of_one_address_is_not_served_on_another(probe, address):
    assert "X-Forwarded-Proto" not in ask(probe, address, "talk.example.org", "/")["text"]


@pytest.mark.usefixtures("backends")
def test_proxy_lets_clients_change_to_websocket_only_if_asked(host, probe, address):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    answer = ask(host, "127.0.0.1", "talk.example.org", "/", **upgrade)
    assert (answer["status"], answer["text"]) == (101, "talking\n")
    assert ask(probe, address, "proxy.example.org", "/Apache-2.0", **upgrade)["status"] == 200


@pytest.mark.usefixtures("backends")
@pytest.mark.parametrize("site", ["app.example.org", "tcp.app.example.org"])
def test_application_answers_over_uwsgi(probe, address, site):
    answer = ask(probe, address, site, "/some/page")
    assert (answer["status"], answer["text"]) == (200, f"uwsgi {site} /some/page")


def test_private_site_asks_for_name_and_password(host, probe, address):
    answers = {
        user: ask(
            probe,
            address,
            "private.example.org",
            "/Apache-2.0",
            **({"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}),
        )
        for user in ("", "anna:wrong", "anna:secret")
    }
    assert {user: answer["status"] for user, answer in answers.items()} == {
        "": 401,
        "anna:wrong": 401,
        "anna:secret": 200,
    }
    assert answers[""]["headers"]["WWW-Authenticate"] == 'Basic realm="Staff only"'
    log = host.file("/var/log/apache2/private.example.org_access.log").content_string.splitlines()[-1]
    assert log.endswith('"GET /Apache-2.0 HTTP/1.1" 200')


def test_absent_site_is_not_there(host):
    for place in ("available", "enabled"):
        assert not any("old.example.org" in file for file in host.file(f"/etc/apache2/sites-{place}").listdir())


OWN = "/etc/apache2/strata-tls"


@pytest.mark.usefixtures("backends")
@pytest.mark.parametrize(
    ("file", "port", "text"),
    [
        ("25-secure.example.org", 443, "Apache License"),
        ("10-app.secure.example.org", 8443, "X-Forwarded-Proto: https"),
        ("25-uwsgi.example.org", 443, "uwsgi uwsgi.example.org /Apache-2.0"),
    ],
)
def test_each_kind_answers_over_tls(host, address, file, port, text):
    certificate = host.file(f"{OWN}/{file}.crt").content_string
    answer = ask(host, address, file[3:], "/Apache-2.0", port=port, trusted=certificate)
    assert answer["status"] == 200
    assert text in answer["text"]


def test_redirect_leads_elsewhere_over_tls_too(host, probe, address):
    certificate = host.file(f"{OWN}/10-moved.secure.example.org.crt").content_string
    answer = ask(probe, address, "moved.secure.example.org", "/a?b", trusted=certificate)
    assert (answer["status"], answer["headers"]["Location"]) == (302, "http://new.example.org/a?b")
