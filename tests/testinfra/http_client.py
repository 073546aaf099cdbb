"""Asking web servers from a machine, with nothing but Python there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testinfra.host import Host

UNPROVEN = ""  # as `trusted`: over TLS, whatever certificate is shown

ASK = """
import http.client, json, socket, ssl, sys
answers = []
for address, port, method, host, path, trusted, headers in json.loads(sys.argv[1]):
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        if trusted is not None:
            context = ssl.create_default_context(cadata=trusted) if trusted else ssl._create_unverified_context()
            connection.sock = socket.create_connection((address, port), 10)
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        connection.request(method, path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        text = (answer.read() if answer.status != 101 else answer.fp.readline()).decode("utf-8", "replace")
        answers.append({"status": answer.status, "headers": dict(answer.getheaders()), "text": text})
    except ConnectionRefusedError:
        answers.append({"status": "refused"})
    except OSError as error:
        answers.append({"status": repr(error)})
print(json.dumps(answers))
"""


def request(
    address: str,
    host: str,
    path: str,
    *,
    method: str = "GET",
    port: int | None = None,
    trusted: str | None = None,
    **headers: str,
) -> list[Any]:
    """Return a request for a page of the site `host` at an address, for `ask_all`.

    With `trusted`, a certificate, it is made over TLS, and what the site shows must be proven by that certificate.
    """
    return [address, port or (80 if trusted is None else 443), method, host, path, trusted, headers]


def ask_all(machine: Host, *requests: list[Any]) -> list[dict[str, Any]]:
    """Return status, headers and text of the answer to each request, asked from a machine one after another.

    Without an answer, the status is "refused" or the error.
    """
    return json.loads(machine.check_output("python3 -c %s %s", ASK, json.dumps(requests)))


def ask(machine: Host, address: str, host: str, path: str, **how: Any) -> dict[str, Any]:
    """Return what is answered to one request."""
    return ask_all(machine, request(address, host, path, **how))[0]


def get(machine: Host, host: str, path: str) -> dict[str, Any]:
    """Return what a machine's own web server answers."""
    return ask(machine, "127.0.0.1", host, path)
