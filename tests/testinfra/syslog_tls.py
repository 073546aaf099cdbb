"""Senders of lines to a log host, over TLS, and what it received."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from waiting import wait_for

if TYPE_CHECKING:
    from testinfra.host import Host

#: Sends one line, in syslog's frames over TLS, to a log host; with a certificate or without.
SEND = """
frame=%s
printf '%%s %%s' ${#frame} "$frame" | timeout 10 openssl s_client -quiet -no_ign_eof -connect %s:6514 %s
"""


def received(host: Host, text: str) -> list[str]:
    """Return the files of received lines that have a text."""
    return host.run("grep -rlF -- %s /var/log/hosts", text).stdout.split()


def of_host(path: str, sender: Host) -> str:
    """Return the rest of the path of a file of received lines, which is in the folder of an address of the sender."""
    address, _, rest = path.removeprefix("/var/log/hosts/").partition("/")
    assert address in sender.check_output("hostname -I").split()
    return rest


def send(sender: Host, to: str, certificate: str, name: str = "probe") -> str:
    """Send a line that is like no other, with openssl's options of a certificate; return its text."""
    text = uuid4().hex
    sender.run(SEND % (f"'<14>1 - {name} test - - - {text}'", to, certificate))
    return text


def assert_only_the_last_is_received(host: Host, sender: Host, to: str, certificates: list[str]) -> None:
    """Send with each of the certificates; only what came with the last is received."""
    texts = [send(sender, to, certificate) for certificate in certificates]
    said = "grep rsyslogd: /var/log/syslog | tail -n 20"
    wait_for(lambda: received(host, texts[-1]), lambda: host.run(said).stdout)
    assert not [text for text in texts[:-1] if received(host, text)]
