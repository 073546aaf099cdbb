"""Asking web servers from a host, with nothing but Python there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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

ASK = """
import http.client, json, socket, ssl, sys
answers, tls = [], ssl._create_unverified_context()
for address, port, method, host, path in json.loads(sys.argv[1]):
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        if port == 443:
            connection.sock = tls.wrap_socket(socket.create_connection((address, port), 10), server_hostname=host)
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        answers.append({"status": answer.status, "headers": dict(answer.getheaders()), "text": text})
    except ConnectionRefusedError:
        answers.append({"status": "refused"})
    except OSError as error:
        answers.append({"status": repr(error)})
print(json.dumps(answers))
"""


def get(host: Host, name: str, path: str) -> tuple[int, str, str]:
    """Return status, content type (or where it redirects to) and body of a path of the site `name`."""
    head, _, body = host.check_output("python3 -c %s %s %s", PROGRAM, name, path).partition("\n")
    status, _, kind = head.partition(" ")
    return int(status), kind, body


def ask_all(machine: Host, *requests: tuple[str, int, str, str, str]) -> list[dict[str, Any]]:
    """Return what Apache answers to (address, port, method, host, path), asked from a machine."""
    return json.loads(machine.check_output("python3 -c %s %s", ASK, json.dumps(requests)))


def ask(machine: Host, address: str, host: str, path: str, *, method: str = "GET", port: int = 80) -> dict[str, Any]:
    """Return what Apache answers to one request."""
    return ask_all(machine, (address, port, method, host, path))[0]
