"""Asking one site, over TLS too, with headers of one's own, and with nothing but Python on the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testinfra.host import Host

ASK = """
import http.client, json, socket, ssl, sys
address, port, host, path, trusted, headers = json.loads(sys.argv[1])
if trusted:
    context = ssl.create_default_context(cadata=trusted)
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    connection.sock = context.wrap_socket(socket.create_connection((address, port)), server_hostname=host)
else:
    connection = http.client.HTTPConnection(address, port, timeout=10)
connection.request("GET", path, headers={"Host": host, **headers})
answer = connection.getresponse()
text = answer.read() if answer.status != 101 else answer.fp.readline()
headers = dict(answer.getheaders())
print(json.dumps({"status": answer.status, "headers": headers, "text": text.decode("utf-8", "replace")}))
"""


def ask(
    machine: Host, address: str, host: str, path: str, *, port: int = 80, trusted: str | None = None, **headers: str
) -> dict[str, Any]:
    """Return status, headers and text of a page of the site `host` at an address, asked from a machine.

    With `trusted`, a certificate, it is asked over TLS, and what it shows must be proven by that certificate.
    """
    question = json.dumps([address, port, host, path, trusted, headers])
    return json.loads(machine.check_output("python3 -c %s %s", ASK, question))
