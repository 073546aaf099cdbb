"""The site: it shows logs, packed or not, and whatever is in the tree is nothing but a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from http_client import ask_all, get, request

if TYPE_CHECKING:
    from testinfra.host import Host

SITE = "logs.example.org"
TREE = r"""
set -e
rm -rf /srv/logs/*
mkdir -p /srv/logs/job/1 /srv/logs/job/2 /srv/logs/etc "/srv/logs/job/a b%20c"
cd /srv/logs/job/1
echo 'plain <script>alert(1)</script>' >plain.txt
echo 'no suffix' >noext
echo 'packed <script>alert(1)</script>' | gzip >console.log.gz
echo '<p>packed page</p><script>alert(1)</script>' | gzip >page.html.gz
echo '<script>alert(1)</script>' >page.html
echo 'both, not packed' >both.log
echo 'both, packed' | gzip >both.log.gz
echo 'rotated' | gzip >syslog.log.1.gz
tar -czf archive.tar.gz plain.txt
echo 'a folder that / has, too' | gzip >/srv/logs/etc/passwd.txt.gz
echo 'a name' | gzip >'/srv/logs/job/a b%20c/q?.txt.gz'
cd ../2
printf 'Require all denied\nOptions +ExecCGI\nAddHandler cgi-script .cgi\n' >.htaccess
printf '#!/bin/sh\necho Content-Type: text/plain\necho\necho "ran $((40 + 2))"\n' >run.cgi
chmod +x run.cgi
echo '<!--#exec cmd="echo ran $((40 + 2))" -->' >run.shtml
printf 'URI: plain\n\nURI: plain.txt\nContent-Type: text/html\n' >run.var
echo '<h1>not an index</h1>' >index.html
echo '<h1>not a heading</h1>' | tee HEADER.html >README.html
ln -s /etc/passwd passwd.txt
ln -s /etc outside
ln -s ../1/plain.txt inside.txt
gzip -c /etc/hostname >/root/secret.txt.gz
ln -s /root/secret.txt.gz secret.txt.gz
chown -Rh www-data /srv/logs/job
"""


@pytest.fixture(autouse=True, scope="module")
def tree(host: Host) -> None:
    """Logs, some of them hostile."""
    host.check_output(TREE)


def curl(host: Host, path: str, *options: str) -> str:
    resolve = f"{SITE}:80:127.0.0.1"
    return host.check_output(f"curl -sS --fail {' '.join(options)} --resolve {resolve} 'http://{SITE}{path}'")


def test_folders_are_listed(host: Host) -> None:
    answer = get(host, SITE, "/job/1/")
    assert answer["status"] == 200
    assert {"plain.txt", "console.log.gz"} <= set(answer["text"].replace(">", " ").replace("<", " ").split())
    assert get(host, SITE, "/job/1")["status"] == 301


@pytest.mark.parametrize("options", [(), ("--compressed",), ("-H 'Accept-Encoding: gzip;q=0'",)])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/job/1/plain.txt", "plain <script>"),
        ("/job/1/console.log.gz", "packed <script>"),
        ("/job/1/console.log", "packed <script>"),
        ("/job/1/page.html.gz", "packed page"),
        ("/job/1/page.html", "<script>"),
        ("/job/1/both.log", "both, not packed"),
        ("/job/1/syslog.log.1", "rotated"),
        ("/etc/passwd.txt", "a folder that / has, too"),
        ("/job/a%20b%2520c/q%3f.txt.gz", "a name"),
    ],
)
def test_text_is_readable(host: Host, path: str, text: str, options: tuple[str, ...]) -> None:
    assert text in curl(host, path, *options)


def test_what_is_packed_goes_packed_to_those_who_can_unpack_it(host: Host) -> None:
    paths = ["/job/1/console.log.gz", "/job/1/page.html.gz", "/job/1/archive.tar.gz", "/job/1/noext"]
    packed = {"Accept-Encoding": "deflate, gzip"}
    answers = [
        {name.lower(): value for name, value in answer["headers"].items()}
        for answer in ask_all(host, *(request("127.0.0.1", SITE, path, **packed) for path in paths))
    ]
    assert [(each["content-type"].lower(), each.get("content-encoding")) for each in answers[:2]] == [
        ("text/plain; charset=utf-8", "gzip"),
        ("text/html; charset=utf-8", "gzip"),
    ]
    assert "accept-encoding" in answers[0]["vary"].lower()
    # An archive is for saving, and stays what it is.
    assert "content-encoding" not in answers[2]
    assert answers[2]["content-type"].endswith("gzip")
    assert answers[3]["content-type"].lower() == "text/plain; charset=utf-8"


def test_an_archive_is_not_unpacked(host: Host) -> None:
    command = "curl -sS --fail {} --resolve {}:80:127.0.0.1 http://{}/job/1/archive.tar.gz | tar -tz"
    for options in ("", "--compressed"):
        assert host.check_output(command.format(options, SITE, SITE)) == "plain.txt"


@pytest.mark.parametrize("path", ["/", "/job/1/plain.txt", "/job/1/page.html", "/job/1/page.html.gz", "/nothing"])
def test_browsers_run_nothing(host: Host, path: str) -> None:
    headers = get(host, SITE, path)["headers"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert not policy.keys() & {"script-src", "script-src-elem", "object-src"}
    assert "allow-scripts" not in policy["sandbox"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_tree_says_nothing_about_how_it_is_served(host: Host) -> None:
    answer = get(host, SITE, "/job/2/")
    assert answer["status"] == 200
    assert "run.cgi" in answer["text"]
    assert "<h1>not" not in answer["text"]
    assert get(host, SITE, "/job/2/.htaccess")["status"] == 403


def test_the_server_runs_nothing(host: Host) -> None:
    for name in ("run.cgi", "run.shtml", "run.var"):
        answer = get(host, SITE, f"/job/2/{name}")
        assert "ran 42" not in answer["text"]
        assert answer["text"] == host.file(f"/srv/logs/job/2/{name}").content_string


@pytest.mark.parametrize("name", ["passwd.txt", "outside/passwd", "inside.txt", "secret.txt", "secret.txt.gz"])
def test_symbolic_links_are_not_served(host: Host, name: str) -> None:
    assert get(host, SITE, f"/job/2/{name}")["status"] in {403, 404}
    assert f'"{name}"' not in get(host, SITE, "/job/2/")["text"]
