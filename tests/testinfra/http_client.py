"""Asking a host's own web server, with nothing but Python on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

PROGRAM = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", timeout=10)
connection.request("GET", sys.argv[2], headers={"Host": sys.argv[1]})
answer = connection.getresponse()
print(answer.status, answer.getheader("Location") or answer.getheader("Content-Type"))
print(answer.read().decode())
"""


def get(host: Host, name: str, path: str) -> tuple[int, str, str]:
    """Return status, content type (or where it redirects to) and body of a path of the site `name`."""
    head, _, body = host.check_output("python3 -c %s %s %s", PROGRAM, name, path).partition("\n")
    status, _, kind = head.partition(" ")
    return int(status), kind, body
