"""What a security review asks of every Apache of Strata's."""

from __future__ import annotations

import json

import pytest
from http_client import ask

pytestmark = pytest.mark.spread

FORWARD = """
import http.client, json, sys
answers = []
for method, target in (("GET", "/x"), ("GET", "http://localhost:22/x"), ("CONNECT", "localhost:22")):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
    connection.request(method, target, headers={"Host": "localhost"})
    answer = connection.getresponse()
    answers.append([answer.status, answer.getheader("Location")])
print(json.dumps(answers))
"""


def test_it_is_no_forward_proxy(probe, address):
    own, forwarded, connected = json.loads(probe.check_output("python3 -c %s %s", FORWARD, address))
    assert forwarded == own
    assert connected[0] in (301, 400, 405)


def test_folder_that_debian_lets_be_listed_is_not(probe, address):
    assert ask(probe, address, "listed.example.org", "/html/")["status"] == 200
    assert ask(probe, address, "listed.example.org", "/")["status"] == 403


@pytest.mark.parametrize("file", [".htaccess", ".htpasswd", ".git/HEAD", ".env", "sub/.svn/entries"])
def test_dot_files_are_refused(host, probe, address, file):
    path = f"/var/www/html/{file}"
    host.check_output(f"mkdir -p $(dirname {path}) && echo secret > {path}")
    try:
        answers = [ask(probe, address, name, f"/{page}") for name, page in PLACES for page in [page.format(file)]]
    finally:
        host.check_output(f"rm -r /var/www/html/{file.split('/')[0]}")
    assert [answer["status"] for answer in answers] == [403, 403]
    assert not any("secret" in answer["text"] for answer in answers)


PLACES = [("static.example.org", "{}"), ("listed.example.org", "html/{}")]


def test_error_pages_are_not_signed(probe, address):
    answer = ask(probe, address, "static.example.org", "/nothing-here")
    assert answer["status"] == 404
    assert "<address>" not in answer["text"]


def test_inode_numbers_and_powers_are_not_told(probe, address):
    headers = ask(probe, address, "static.example.org", "/index.html")["headers"]
    assert headers["ETag"].count("-") == 1
    assert "X-Powered-By" not in headers
