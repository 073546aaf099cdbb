"""A host in a folder, with the control side that signs for it, and certificates of tests."""

from __future__ import annotations

import calendar
import importlib.util
import json
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.strata.certificates.run import converge
from ansible.module_utils.strata.openssl import Tool

ROOT = Path(__file__).parents[4]


spec = importlib.util.spec_from_file_location("host_certificates_action", ROOT / "action_plugins/host_certificates.py")


action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)

FACTS = "facts/strata_certificates.fact"
ITEM: dict[str, Any] = {
    "names": [],
    "source": "ca",
    "certificate_content": None,
    "key_content": None,
    "owner": "root",
    "group": None,
    "units": [],
    "origin": "web__certificates_list",
}


WEB = ITEM | {
    "name": "web",
    "names": ["web.example.org", "2001:DB8::1"],
    "units": [{"name": "web", "action": "reload"}],
}


OWN = ITEM | {"name": "own", "source": "self_signed", "units": [{"name": "own", "action": "restart"}]}


def run(command: list[str], data: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


TOOL = Tool(run)


PAIR = tuple(text.decode() for text in TOOL.make(["given.example.org"], 200))


OTHER = tuple(text.decode() for text in TOOL.make(["other.example.org"], 200))


GIVEN = ITEM | {"name": "given", "source": "content", "certificate_content": PAIR[0], "key_content": PAIR[1]}


class Host:
    """A host in a folder, and the control side, which signs what the host asks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = action.Authority(str(folder / "control/ca"), "Trial CA")
        self.warnings: list[str] = []
        self.commands: list[str] = []
        self.refuse = ""
        self.shown = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nCanReload=yes\n"

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def run(self, command: list[str], data: bytes = b"") -> tuple[int, str, str]:
        if command[0] == "openssl":
            return run(command, data)
        line = " ".join(command)
        if command[:2] == ["systemctl", "show"]:
            return 0, "\n".join([self.shown] * len(command[4:])), ""
        if command[0] == "journalctl":
            return 0, "", ""
        self.commands.append(line)
        if self.refuse and self.refuse in line:
            self.refuse = ""
            return 1, "", f"{line} says no"
        if command[0] == "update-ca-certificates":
            roots = sorted(self.folder.glob("roots/*.crt"))
            (self.folder / "bundle").write_text("".join(root.read_text() for root in roots))
        return 0, "", ""

    def call(self, *items: dict[str, Any], check: bool = False, ca: bool = True, **given: Any) -> dict[str, Any]:
        """Run the module once."""
        roots = self.authority.roots(make=not check) if ca else []
        defaults = {"certificates": list(items), "lifetime": 90, "renew_before": 30, "roots": roots, "signed": {}}
        self.check_mode, self.params, self.commands = check, defaults | given, []
        return converge(self)

    def converge(self, *items: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Run the module as the action plugin does."""
        result = self.call(*items, **given)
        if "wanted" in result:
            signed = action.signed(self.authority, result["wanted"], items, given.get("lifetime", 90))
            result = self.call(*items, signed=signed, **given)
        return result

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Return the files of the host but for those that wait for the CA."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and "control" not in path.parts]
        found = [path for path in found if "pending" not in path.parts]
        return {str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in found}

    def serial(self, name: str) -> str:
        return TOOL.certificate((self.folder / f"tls/{name}.crt").read_bytes()).serial

    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / FACTS).read_text())


def restarted(unit: str) -> list[str]:
    return [f"systemctl reset-failed -- {unit}", f"systemctl restart -- {unit}"]


def seconds(instant: str) -> float:
    return calendar.timegm(time.strptime(instant, "%Y-%m-%dT%H:%M:%SZ"))


def altered(pem: bytes) -> bytes:
    """Return a certificate whose signature is wrong."""
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    return ssl.DER_cert_to_PEM_cert(der[:-1] + bytes([der[-1] ^ 1])).encode()


def refuse(host: Host, item: dict[str, Any], error: type[Exception], message: str) -> None:
    """Assert that a certificate is refused, after others that are good, before anything changes."""
    with pytest.raises(error) as raised:
        host.converge(WEB | {"name": "first"}, OWN, item)
    assert str(raised.value).startswith(f"certificate {item['name']} (web__certificates_list)")
    assert message in str(raised.value)
    assert "PRIVATE" not in str(raised.value)
    assert not host.files()
    assert not list(host.folder.glob("pending/*"))
