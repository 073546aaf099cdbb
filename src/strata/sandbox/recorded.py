"""What stands for the sandbox where it is not up: addresses of the documentation, and keys that nobody has."""

from __future__ import annotations

import base64
import hashlib
import json

from strata.sandbox.declared import declared_sandbox
from strata.sandbox.gerrit import CACHE
from strata.sandbox.review import servers

#: Of a public key of this type, what comes before the key itself.
KEY_TYPE = "ssh-ed25519"
KEY_HEADER = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"


def public_key(name: str) -> str:
    """Return a public key for a name: always the same one, of which nobody has the private half."""
    return f"{KEY_TYPE} {base64.b64encode(KEY_HEADER + hashlib.sha256(name.encode()).digest()).decode()}"


def files() -> dict[str, str]:
    """Return what is recorded beside the inventory of the sandbox: files of the checkout's state, and of the machine.

    Raises:
        StrataError: the inventory is not as it should be.

    """
    described = {
        "control_path": "/run/strata/sandbox/%%C",
        "resolvers": ["192.0.2.1", "2001:db8::1"],
        "hosts": {
            host.name: {
                "image": host.image,
                "address": f"192.0.2.{host.number}",
                "address6": f"2001:db8::{host.number}",
                "host_key": public_key(host.name),
            }
            for host in declared_sandbox().hosts
        },
    }
    folder = "state/sandboxes/sandbox"
    return {
        f"{folder}/hosts.json": json.dumps(described, indent=1) + "\n",
        f"{folder}/review/host_key": "The private key of a Gerrit that nobody runs.\n",
        f"{folder}/review/host_key.pub": public_key("gerrit") + "\n",
    } | {f"root{CACHE}/gerrit-{each.version}.war": "A Gerrit that nobody can run.\n" for each in servers()}


def facts(host: str, found: dict[str, object]) -> dict[str, object]:
    """Return the facts of a host without what is another one each time that the sandbox boots."""
    own = {"ssh_host_keys": [public_key(host)], "ssh_services": None}
    return {name: own.get(name, value) for name, value in found.items() if own.get(name, value) is not None}
