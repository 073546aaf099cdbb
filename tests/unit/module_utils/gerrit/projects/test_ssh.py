"""SSH to Gerrit: the relay carries every byte both ways, and what is said where something is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from ansible.module_utils.strata.gerrit.projects.ssh import RELAY, _reasons

SIZE = 4 << 20


def relay(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-c", RELAY, "127.0.0.1", str(port)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_it_carries_much_both_ways_at_once_and_ends_when_ssh_does() -> None:
    data = os.urandom(SIZE)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = relay(listening.getsockname()[1])
        server, _ = listening.accept()
    answering = threading.Thread(target=server.sendall, args=[data])
    assert process.stdin
    assert process.stdout
    asking = threading.Thread(target=process.stdin.write, args=[data])
    for thread in (answering, asking):
        thread.start()
    with server, server.makefile("rb") as stream:
        assert process.stdout.read(SIZE) == data
        assert stream.read(SIZE) == data
        answering.join()
        asking.join()
        process.stdin.close()
        assert stream.read() == b""
    process.stdout.close()
    assert process.wait(60) == 0


def test_it_says_why_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    _, said = relay(port).communicate()
    assert said == b"Connection refused\n"


def test_what_matters_of_a_refusal() -> None:
    said = (
        "remote: \nremote: Processing changes\nremote: ERROR: commit 80de1c3: label is wrong\n ! [remote rejected] x\n"
    )
    assert _reasons(said) == "label is wrong"
    assert _reasons(" ! [remote rejected] x (prohibited)\nerror: failed\n") == "! [remote rejected] x (prohibited)"
