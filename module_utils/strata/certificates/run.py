"""The certificates of a host: look, ask for what the site's CA must sign, write all of it, and go back if it fails."""

from __future__ import annotations

import glob
import json
import os
import shutil
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.certificates import declared as certificates
from ansible.module_utils.strata.certificates.declared import CA, FOLDER, CertificatesError
from ansible.module_utils.strata.openssl import Tool
from ansible.module_utils.strata.service.run import OWED
from ansible.module_utils.strata.units import Step, Systemd, UnitError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible.module_utils.strata.certificates.declared import Declared
    from ansible.module_utils.strata.openssl import Shown

FACTS = "/etc/ansible/facts.d/strata_certificates.fact"
ROOTS = "/usr/local/share/ca-certificates/strata-"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
#: Keys that wait for the CA's signature, in memory.
PENDING = "/run/strata-certificates"
UPDATE = ["update-ca-certificates", "--fresh"]


@dataclass
class Settled:
    """A certificate as it shall be: the contents of its files, what is shown of it, and why it is made anew."""

    declared: Declared
    pair: tuple[bytes, bytes] = (b"", b"")
    shown: Shown | None = None
    before: Shown | None = None
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to do: files, units, whether the system's list of trusted roots is due, and names that are touched."""

    changes: list[files.Change]
    todo: list[Step]
    trust: bool
    names: list[str]
    folder: bool


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take the parameters."""
        self.module = module
        self.given = module.params
        self.tool = Tool(self.run)
        self.systemd = Systemd(self.run)
        self.has_openssl = shutil.which("openssl") is not None
        self.mark = os.path.join(OWED, "certificates")
        self.roots = {root["name"]: root["certificate"].encode() for root in self.given["roots"]}
        ca = self._certificate(self.roots.get(CA, b""))
        self.life = certificates.lives(self.given["lifetime"], self.given["renew_before"], ca.end() if ca else None)

    def run(self, command: list[str], data: bytes | None = None) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        return self.module.run_command(command, data=data, binary_data=True, environ_update={"LC_ALL": "C.UTF-8"})

    def converge(self) -> dict[str, Any]:
        """Look, validate, plan, apply; return the module's result, or `wanted`, what the CA must sign before.

        Raises:
            CertificatesError: it cannot be done; what was there is back.

        """
        declared = certificates.check(self.given["certificates"], ca=CA in self.roots)
        if not (self.has_openssl or self.module.check_mode):
            raise CertificatesError("openssl is not installed: install the package openssl first")
        settled = [self.settle(each) for each in declared]
        plan = self.plan(settled)
        requests = [each.declared for each in settled if each.why and not each.pair[0]]
        if requests and not self.module.check_mode:
            return {"changed": False, "wanted": [self.request(each) for each in requests]}
        result = self.result(plan, settled)
        if not self.module.check_mode:
            if result["changed"]:
                self.apply(plan)
            shutil.rmtree(PENDING, ignore_errors=True)
        return result

    def settle(self, each: Declared) -> Settled:
        """Return a certificate as it shall be; without a pair if the CA must sign it, or in check mode.

        Raises:
            CertificatesError: what is given for it is not fit.

        """
        old = (_content(each.certificate), _content(each.key))
        shown = self._certificate(old[0])
        if each.content:
            return Settled(each, each.content, self.validated(each, each.content), shown)
        root = self.roots.get(CA, b"") if each.source == CA else old[0]
        signed = shown is not None and self.tool.is_signed_by(each.certificate, root)
        key = self.tool.public_key(old[1]) if shown and old[1] else ""
        why = certificates.fault(each, shown, key, signed=signed, life=self.life)
        if not why:
            return Settled(each, old, shown, shown)
        new = Settled(each, before=shown, why=why)
        if each.source == "self_signed" and not self.module.check_mode:
            new.pair = self.tool.make(each.names, self.given["lifetime"])
        elif each.source == CA and each.name in self.given["signed"]:
            new.pair = self.signed(each, self.given["signed"][each.name].encode())
        new.shown = self._certificate(new.pair[0])
        return new

    def validated(self, each: Declared, pair: tuple[bytes, bytes]) -> Shown | None:
        """Return what is shown of a given certificate, after it was matched with its key.

        Raises:
            CertificatesError: they are no pair, or no longer valid.

        """
        if not self.has_openssl:
            return None  # in check mode, an earlier task brings it
        found = [self._certificate(block) for block in certificates.blocks(pair[0])]
        public = self.tool.public_key(pair[1])
        if not found or None in found:
            raise CertificatesError(f"{each}: certificate_content is no certificate in PEM form")
        if not public:
            raise CertificatesError(f"{each}: key_content is no private key that opens without a passphrase")
        if public != found[0].public_key:
            raise CertificatesError(f"{each}: key_content does not belong to certificate_content")
        end = certificates.instant(found[0].end())
        if found[0].seconds_left() < 0:
            raise CertificatesError(f"{each}: certificate_content ended on {end}")
        if found[0].seconds_left() < self.life.renew_before:
            self.module.warn(f"{each}: certificate_content ends on {end}")
        return found[0]

    def request(self, each: Declared) -> dict[str, str]:
        """Return the request for a certificate of a new key, which waits for it; that of a killed run will do."""
        path = f"{PENDING}/{each.name}.key"
        key = _content(path)
        if not key or not self.tool.public_key(key):
            key = self.tool.new_key()
            os.makedirs(PENDING, mode=0o700, exist_ok=True)
            files.apply([files.Change(path, None, files.File(key, 0o600))])
        return {"name": each.name, "request": self.tool.request(key)}

    def signed(self, each: Declared, certificate: bytes) -> tuple[bytes, bytes]:
        """Return a certificate that the CA has signed, with the key that it belongs to.

        Raises:
            CertificatesError: there is none.

        """
        shown = self._certificate(certificate)
        for path in (f"{PENDING}/{each.name}.key", each.key):
            key = _content(path)
            if key and shown and self.tool.public_key(key) == shown.public_key:
                return certificate, key
        raise CertificatesError(f"{each}: the key was lost or changed while the CA signed it: run it again")

    def plan(self, settled: list[Settled]) -> Plan:
        """Return what is to do.

        Raises:
            CertificatesError: an owner is missing, or a unit cannot do what is asked of it.

        """
        owed = self._owed()
        here = {each.declared.name for each in settled}
        gone = sorted((certificates.recorded(_content(FACTS)) | (owed or set())) - here)
        desired: dict[str, files.State] = {f"{FOLDER}/{name}.{end}": None for name in gone for end in ("crt", "key")}
        for each in settled:
            desired |= self._files(each)
        desired |= dict.fromkeys(glob.glob(f"{glob.escape(ROOTS)}*.crt"))
        desired |= {f"{ROOTS}{name}.crt": files.File(pem) for name, pem in self.roots.items()}
        desired[f"{FOLDER}/{CA}.crt"] = files.File(b"".join(self.roots.values())) if self.roots else None
        desired[FACTS] = self._facts(settled)
        changes = [_masked(change) for change in files.plan(desired)]
        paths = {change.path for change in changes}
        ca_changed = f"{FOLDER}/{CA}.crt" in paths
        touched = [
            each.declared
            for each in settled
            if paths & {each.declared.certificate, each.declared.key}
            or each.declared.name in (owed or ())
            or (ca_changed and each.declared.source == CA)
        ]
        names = {*gone, *(owed or ()), *(each.name for each in touched)}
        trust = owed is not None or any(path.startswith(ROOTS) for path in paths) or not self._trusted()
        if trust and not (self.module.check_mode or shutil.which(UPDATE[0])):
            raise CertificatesError(f"there is no {UPDATE[0]}: install the package ca-certificates first")
        folder = bool(settled or self.roots) and _is_open(FOLDER)
        return Plan(changes, self._steps(settled, touched), trust, sorted(names), folder)

    def _files(self, each: Settled) -> dict[str, files.State]:
        declared, check = each.declared, self.module.check_mode
        try:
            uid = files.owner_id("user", declared.owner, check=check)
            gid = files.owner_id("group", declared.group, check=check) if declared.group else 0
        except files.OwnerError as error:
            raise CertificatesError(f"{declared}: {error}") from None
        return {
            declared.certificate: files.File(each.pair[0]),
            declared.key: files.File(each.pair[1], 0o640 if declared.group else 0o600, uid, gid, secret=True),
        }

    def _facts(self, settled: list[Settled]) -> files.State:
        found = {each.declared.name: (each.declared.source, each.shown, each.declared.names) for each in settled}
        if self.roots:
            found[CA] = ("root", self._certificate(self.roots[CA]), ())
        return files.File(certificates.facts(found)) if found else None

    def _steps(self, settled: list[Settled], touched: list[Declared]) -> list[Step]:
        asked = [(each.declared, *unit) for each in settled for unit in each.declared.units]
        status = self.systemd.status(list(dict.fromkeys(unit for _, unit, _ in asked)))
        todo: dict[str, str] = {}
        for declared, unit, action in asked:
            if status[unit].there and action == "reload" and not status[unit].reloadable:
                raise CertificatesError(f"{declared}: {unit} cannot be reloaded: its action must be restart")
            if declared in touched and status[unit].there and status[unit].active:
                todo[unit] = "restart" if "restart" in (action, todo.get(unit)) else action
        return [Step(action, unit) for unit, action in todo.items()]

    def _trusted(self) -> bool:
        bundle = _content(BUNDLE) if self.roots else b""
        return all(pem.strip() in bundle for pem in self.roots.values())

    def apply(self, plan: Plan) -> None:
        """Write the files and bring them into force.

        Raises:
            CertificatesError: something failed, and the old files are back.

        """
        owed = files.File(json.dumps(plan.names).encode(), 0o600)
        files.apply([files.Change(self.mark, files.read(self.mark), owed)])
        try:
            os.makedirs(FOLDER, exist_ok=True)
            os.chown(FOLDER, 0, 0)
            os.chmod(FOLDER, 0o755)  # noqa: S103 - the certificates are for everybody
            files.apply(plan.changes)
            self.settle_services(plan)
        except (CertificatesError, UnitError, OSError) as error:
            raise CertificatesError(f"{error}; {self.go_back(plan)}") from error
        self.forget()

    def settle_services(self, plan: Plan) -> None:
        """Bring the files into force that are in their places.

        Raises:
            CertificatesError: the system's list of roots cannot be made.
            UnitError: a unit does not run with them.

        """
        if plan.trust:
            code, out, err = self.run(UPDATE)
            if code:
                raise CertificatesError(f"{' '.join(UPDATE)} ends with status {code}: {(err or out).strip()}")
        for step in plan.todo:
            self.systemd.do(step)

    def go_back(self, plan: Plan) -> str:
        """Put the old files in force again; return a sentence about how that went."""
        files.undo(plan.changes)
        try:
            self.settle_services(plan)
        except (CertificatesError, UnitError) as error:
            return f"the old files are back, but not everything runs with them either: {error}"
        self.forget()
        return "the old files are back in force"

    def forget(self) -> None:
        """Forget what was owed."""
        os.unlink(self.mark)
        if not os.listdir(OWED):
            os.rmdir(OWED)

    def result(self, plan: Plan, settled: list[Settled]) -> dict[str, Any]:
        """Return the module's result."""
        texts = {path: text for each in settled for path, text in _texts(each, self.given["lifetime"]).items()}
        done = [*([" ".join(UPDATE)] if plan.trust else []), *map(str, plan.todo)]
        names = [*([FOLDER] if plan.folder else []), *(change.path for change in plan.changes), *done]
        diff = []
        for change in plan.changes:
            if change.path in texts and _content_differs(change):
                before, after = texts[change.path]
                header = {"before_header": change.path, "after_header": change.path}
                diff.append({**header, "before": before, "after": after})
            else:
                diff += files.diff([change])
        diff += [{"prepared": f"{each}\n"} for each in done]
        return {"changed": bool(names), "changes": names, "diff": diff}

    def _certificate(self, pem: bytes) -> Shown | None:
        return self.tool.certificate(pem) if pem and self.has_openssl else None

    def _owed(self) -> set[str] | None:
        """Return the names of certificates that a run touched which did not come to its end, None if all did."""
        return set(json.loads(_content(self.mark) or b"[]")) if os.path.exists(self.mark) else None


def _texts(each: Settled, lifetime: int) -> dict[str, tuple[str, str]]:
    """Return before and after of a certificate, and of its key if that is new, as people read them."""
    before = _lines(each.before) if each.before else ""
    after = f"names: {', '.join(sorted(each.declared.names))}\nends: after {lifetime} days\n"
    if each.shown:
        after = _lines(each.shown)
    after += f"source: {each.declared.source}\n" + (f"made anew because {each.why}\n" if each.why else "")
    texts = {each.declared.certificate: (before, after)}
    if each.why:
        texts[each.declared.key] = ("(a key)\n" if before else "", "(a new key)\n")
    return texts


def _lines(shown: Shown) -> str:
    end = certificates.instant(shown.end())
    return f"names: {', '.join(sorted(shown.names))}\nends: {end}\nserial: {shown.serial}\n"


def _content(path: str) -> bytes:
    """Return what is in a regular file of the host, nothing if it is not there."""
    state = files.read(path)
    return state.content if isinstance(state, files.File) else b""


def _masked(change: files.Change) -> files.Change:
    """Return a change that shows no key, not even one that goes."""
    if change.path.endswith(".key") and isinstance(change.before, files.File):
        return replace(change, before=replace(change.before, secret=True))
    return change


def _content_differs(change: files.Change) -> bool:
    before, after = (
        state.content if isinstance(state, files.File) else None for state in (change.before, change.after)
    )
    return before != after


def _is_open(folder: str) -> bool:
    """Tell whether others than root may write to a folder, or not read it; one that is not there yet does not count."""
    if not os.path.isdir(folder):
        return False
    info = os.stat(folder)
    return (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) != (0o755, 0, 0)
