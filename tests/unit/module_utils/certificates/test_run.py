"""Certificates of a host: when they are made anew, what is refused, and what is there after a failure."""

from __future__ import annotations

import calendar
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.strata.certificates import declared
from ansible.module_utils.strata.certificates import run as certificates_host
from ansible.module_utils.strata.certificates.declared import CertificatesError
from ansible.module_utils.strata.certificates.run import Run
from ansible.module_utils.strata.openssl import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl"),
    pytest.mark.skipif(os.getuid() != 0, reason="gives files to root, which only root can"),
]

ROOT = Path(__file__).parents[4]
spec = importlib.util.spec_from_file_location("host_certificates_action", ROOT / "action_plugins/host_certificates.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)

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


def run(command: list[str], data: bytes | None = None) -> tuple[int, str, str]:
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

    def run_command(self, command: list[str], data: bytes | None = None, **_: Any) -> tuple[int, str, str]:
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
        return Run(self).converge()

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
        return json.loads((self.folder / "facts").read_text())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    for module in (declared, certificates_host):
        monkeypatch.setattr(module, "FOLDER", str(tmp_path / "tls"))
    places = {"FACTS": "facts", "ROOTS": "roots/strata-", "BUNDLE": "bundle", "PENDING": "pending", "OWED": "owed"}
    for name, path in places.items():
        monkeypatch.setattr(certificates_host, name, str(tmp_path / path))
    monkeypatch.setattr(certificates_host.shutil, "which", lambda name: f"/usr/bin/{name}")
    return Host(tmp_path)


def test_all_kinds_are_made_and_then_left_alone(host: Host) -> None:
    items = [WEB | {"group": "root"}, OWN, GIVEN]
    result = host.converge(*items)
    assert host.commands == ["update-ca-certificates --fresh", "systemctl reload -- web", *restarted("own")]
    found = host.files()
    assert {path: mode for path, (_, mode) in found.items()} == {
        "bundle": 0o644,
        "facts": 0o644,
        "roots/strata-ca.crt": 0o644,
        "tls/ca.crt": 0o644,
        **dict.fromkeys(["tls/web.crt", "tls/own.crt", "tls/given.crt"], 0o644),
        "tls/web.key": 0o640,
        **dict.fromkeys(["tls/own.key", "tls/given.key"], 0o600),
    }
    assert str(found["tls/given.crt"][0], "ascii") == PAIR[0]
    told = host.facts()
    assert {name: (fact["source"], fact["names"]) for name, fact in told.items()} == {
        "ca": ("root", []),
        "given": ("content", ["given.example.org"]),
        "own": ("self_signed", ["own"]),
        "web": ("ca", ["2001:db8::1", "web.example.org"]),
    }
    assert time.time() + 89.9 * 86400 < _seconds(told["web"]["not_after"]) < time.time() + 90 * 86400 + 1
    secret = next(line for line in found["tls/web.key"][0].decode().splitlines() if "-----" not in line)
    assert secret not in str(result)
    assert "names: 2001:db8::1, web.example.org\n" in str(result["diff"]).replace("\\n", "\n")
    again = host.call(*items)
    assert (again["changed"], host.commands, host.files()) == (False, [], found)
    assert not list(host.folder.glob("owed/*")) + list(host.folder.glob("pending/*"))


def restarted(unit: str) -> list[str]:
    return [f"systemctl reset-failed -- {unit}", f"systemctl restart -- {unit}"]


def _seconds(instant: str) -> float:
    return calendar.timegm(time.strptime(instant, "%Y-%m-%dT%H:%M:%SZ"))


def test_check_mode_predicts_and_touches_nothing(host: Host) -> None:
    predicted = host.call(WEB, OWN, GIVEN, check=True)
    assert not list(host.folder.iterdir())
    assert predicted["changes"] == host.converge(WEB, OWN, GIVEN)["changes"]
    before = host.files()
    longer = {"lifetime": 400, "renew_before": 300}
    predicted = host.call(WEB, OWN, check=True, **longer)
    assert host.files() == before
    assert predicted["changes"] == host.converge(WEB, OWN, **longer)["changes"]
    assert "made anew because it ends on" in str(predicted["diff"])
    assert not host.call(WEB, OWN, check=True)["changed"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "its key is not there": lambda folder: (folder / "web.key").unlink(),
    "its key is another one": lambda folder: shutil.copy(folder / "own.key", folder / "web.key"),
    "there is none": lambda folder: (folder / "web.crt").write_text("garbage"),
    "the CA has not signed it": lambda folder: (folder / "web.crt").write_bytes(
        altered((folder / "web.crt").read_bytes())
    ),
}


def altered(pem: bytes) -> bytes:
    """Return a certificate whose signature is wrong."""
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    return ssl.DER_cert_to_PEM_cert(der[:-1] + bytes([der[-1] ^ 1])).encode()


@pytest.mark.parametrize("why", CHANGES)
def test_what_is_altered_is_made_anew(host: Host, why: str) -> None:
    host.converge(WEB, OWN)
    before = host.files()
    CHANGES[why](host.folder / "tls")
    result = host.converge(WEB, OWN)
    assert f"made anew because {why}" in str(result["diff"])
    assert host.commands == ["systemctl reload -- web"]
    after = host.files()
    assert {path for path in after if after[path] != before[path]} == {"tls/web.crt", "tls/web.key", "facts"}
    assert not host.call(WEB, OWN)["changed"]


def test_other_names_and_another_ca_need_another_certificate(host: Host) -> None:
    host.converge(WEB)
    serials = {host.serial("web")}
    named = WEB | {"names": ["new.example.org"]}
    assert "names are 2001:db8::1, web.example.org" in str(host.converge(named)["diff"])
    serials.add(host.serial("web"))
    shutil.rmtree(host.authority.folder)
    result = host.converge(named)
    assert "the CA has not signed it" in str(result["diff"])
    assert host.commands[0] == "update-ca-certificates --fresh"
    assert len(serials | {host.serial("web")}) == 3
    own = named | {"source": "self_signed"}
    assert "it is not self-signed" in str(host.converge(own)["diff"])
    assert "the CA has not signed it" in str(host.converge(named)["diff"])


def test_a_ca_that_ends_soon_does_not_mean_a_renewal_each_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action, "LIFETIME", action.timedelta(days=20))
    host.converge(WEB)
    assert not host.call(WEB)["changed"]


def test_a_root_that_the_system_forgot_is_trusted_again(host: Host) -> None:
    host.converge(WEB)
    (host.folder / "bundle").write_text("")
    assert host.call(WEB)["changes"] == ["update-ca-certificates --fresh"]
    assert not host.call(WEB)["changed"]


def test_what_is_declared_no_longer_goes(host: Host) -> None:
    host.converge(WEB, OWN)
    (host.folder / "tls/foreign.crt").write_text("x")
    key = (host.folder / "tls/web.key").read_text().splitlines()
    diff = str(host.converge(OWN)["diff"])
    assert "(secret content" in diff
    assert not any(line in diff for line in key)
    assert sorted(path.name for path in (host.folder / "tls").iterdir()) == [
        "ca.crt",
        "foreign.crt",
        "own.crt",
        "own.key",
    ]
    host.converge(ca=False)
    assert set(host.files()) == {"tls/foreign.crt", "bundle"}
    assert not (host.folder / "bundle").read_text()
    assert not host.call(ca=False)["changed"]


def test_units_that_do_not_run_are_left_alone(host: Host) -> None:
    host.shown = "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nCanReload=yes\n"
    host.converge(WEB, OWN)
    assert host.commands == ["update-ca-certificates --fresh"]


def test_a_unit_that_fails_gets_its_old_certificate_back(host: Host) -> None:
    host.converge(WEB, OWN)
    before = host.files()
    host.refuse = "systemctl reload -- web"
    with pytest.raises(CertificatesError, match=r"web: reload failed: .*; the old files are back in force"):
        host.converge(WEB | {"names": ["new.example.org"]}, OWN | {"names": ["new"]})
    assert host.files() == before
    assert host.commands == ["systemctl reload -- web", "systemctl reload -- web", *restarted("own")]


def test_a_call_that_was_killed_is_made_up_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    host.converge(WEB, OWN)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "settle_services", killed)
        with pytest.raises(KeyboardInterrupt):
            host.converge(WEB | {"names": ["new.example.org"]}, OWN)
    assert host.call(WEB | {"names": ["new.example.org"]}, OWN)["changes"] == [
        "update-ca-certificates --fresh",
        "web: reload",
    ]
    assert not host.call(WEB | {"names": ["new.example.org"]}, OWN)["changed"]


def test_a_run_that_was_killed_between_the_calls_goes_on_with_the_same_key(host: Host) -> None:
    first = host.call(WEB, OWN)
    assert not host.files()
    key = (host.folder / "pending/web.key").read_bytes()
    assert (host.folder / "pending/web.key").stat().st_mode & 0o777 == 0o600
    assert (host.folder / "pending").stat().st_mode & 0o777 == 0o700
    host.converge(WEB, OWN)
    assert (host.folder / "tls/web.key").read_bytes() == key
    late = action.signed(host.authority, first["wanted"], [WEB], 90)
    (host.folder / "tls/web.crt").unlink()
    host.call(WEB, OWN, signed=late)
    assert not host.call(WEB, OWN)["changed"]


def test_a_certificate_of_another_key_is_not_taken(host: Host) -> None:
    first = host.call(WEB)
    signed = action.signed(host.authority, first["wanted"], [WEB], 90)
    shutil.rmtree(host.folder / "pending")
    with pytest.raises(CertificatesError, match=r"^certificate web \(.*\): the key was lost or changed"):
        host.call(WEB, signed=signed)
    assert not host.files()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (GIVEN | {"certificate_content": "garbage"}, "certificate_content is no certificate in PEM form"),
        (GIVEN | {"key_content": "garbage"}, "key_content is no private key"),
        (GIVEN | {"key_content": OTHER[1]}, "key_content does not belong to certificate_content"),
        (GIVEN | {"key_content": None}, "the source content needs certificate_content and key_content"),
        (GIVEN | {"source": "ca"}, "its source is ca, but it has a content"),
        (WEB | {"name": "../web"}, "a name has small letters"),
        (WEB | {"name": "ca"}, "and is not 'ca'"),
        (WEB | {"names": ["a b"]}, "'a b' is neither a DNS name nor an IP address"),
        (WEB | {"names": ["a,DNS:b"]}, "is neither a DNS name nor an IP address"),
        (WEB | {"owner": "nobody-at-all"}, "there is no user nobody-at-all on this host"),
        (WEB | {"group": "nobody-at-all"}, "there is no group nobody-at-all on this host"),
        (OWN, "is declared twice, also by web__certificates_list"),
    ],
)
def test_what_is_unfit_is_named_before_anything_changes(host: Host, item: dict[str, Any], message: str) -> None:
    with pytest.raises(CertificatesError) as raised:
        host.converge(WEB | {"name": "first"}, OWN, item)
    assert str(raised.value).startswith(f"certificate {item['name']} (web__certificates_list)")
    assert message in str(raised.value)
    assert "PRIVATE" not in str(raised.value)
    assert not host.files()
    assert not list(host.folder.glob("pending/*"))


def test_a_given_certificate_must_be_valid(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates_host.certificates.time, "time", lambda: _seconds("2100-01-01T00:00:00Z"))
    with pytest.raises(CertificatesError, match=r"^certificate given \(.*\): certificate_content ended on 20"):
        host.call(GIVEN, ca=False)


def test_a_given_certificate_that_ends_soon_is_told(host: Host) -> None:
    host.call(GIVEN, ca=False, lifetime=400, renew_before=300)
    assert host.warnings[0].startswith("certificate given (web__certificates_list): certificate_content ends on 20")


def test_the_chain_of_a_given_certificate_is_read_too(host: Host) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    host.call(GIVEN | {"certificate_content": PAIR[0] + OTHER[0]}, ca=False)
    with pytest.raises(CertificatesError, match="certificate_content is no certificate in PEM form"):
        host.call(GIVEN | {"certificate_content": PAIR[0] + broken}, ca=False)


def test_a_unit_that_knows_no_reload_is_named_in_time(host: Host) -> None:
    host.shown = "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nCanReload=no\n"
    with pytest.raises(CertificatesError, match="web cannot be reloaded: its action must be restart"):
        host.call(WEB)
    assert host.converge(OWN)["changed"]


def test_no_ca_signs_nothing(host: Host) -> None:
    with pytest.raises(CertificatesError, match=r"^certificate web \(.*\): .* which certificates_ca does not ask for"):
        host.call(WEB, ca=False)


def test_a_lifetime_that_is_a_renewal_each_run_is_refused(host: Host) -> None:
    with pytest.raises(CertificatesError, match="must be more than certificates_renew_before"):
        host.call(OWN, lifetime=30)


def test_a_unit_that_two_certificates_name_is_told_once(host: Host) -> None:
    both = [
        OWN | {"name": name, "units": [{"name": "own", "action": verb}]}
        for name, verb in (("a", "restart"), ("b", "reload"))
    ]
    host.converge(*both, ca=False)
    assert host.commands == restarted("own")


def test_the_folder_is_for_root_to_write_and_all_to_read(host: Host) -> None:
    host.converge(OWN)
    (host.folder / "tls").chmod(0o777)
    assert host.call(OWN, check=True)["changes"] == host.call(OWN)["changes"] == [str(host.folder / "tls")]
    assert (host.folder / "tls").stat().st_mode & 0o777 == 0o755


def test_a_mode_that_drifted_is_put_back(host: Host) -> None:
    host.converge(OWN)
    key = host.folder / "tls/own.key"
    key.chmod(0o644)
    serial = host.serial("own")
    assert host.call(OWN)["changes"] == [str(key), "own: restart"]
    assert (key.stat().st_mode & 0o777, host.serial("own")) == (0o600, serial)
