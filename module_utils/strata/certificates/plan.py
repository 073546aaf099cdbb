"""The plan for the certificates of a host: why one is made anew, which files change, and which units must know."""

from __future__ import annotations

import ipaddress
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.certificates.declared import CA, DAY, FOLDER, CertificatesError
from ansible.module_utils.strata.certificates.host import ROOTS, facts_file
from ansible.module_utils.strata.openssl import is_address
from ansible.module_utils.strata.units import Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ansible.module_utils.strata.certificates.declared import Declared, Validity
    from ansible.module_utils.strata.certificates.host import Found
    from ansible.module_utils.strata.openssl import Shown
    from ansible.module_utils.strata.units import Action

ABSENT = "there is none"
UNKNOWN = "not known before it is made"
UPDATE = ["update-ca-certificates", "--fresh"]


@dataclass(frozen=True)
class Pair:
    """A certificate and its key as they shall be; what is shown of it and the one `before`, and why it is made anew."""

    declared: Declared
    contents: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    shown: Shown | None = None
    before: Shown | None = None
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What is done: to the folder's mode, to files, to the system's list of trusted roots, to units.

    `names` are those of the certificates that it touches.
    """

    folder: bool
    changes: list[files.Change]
    trust: bool
    steps: list[Step]
    names: list[str]

    def actions(self) -> list[str]:
        """Return what is done besides the changes of files, as lines for people."""
        return [*([" ".join(UPDATE)] if self.trust else []), *map(str, self.steps)]

    def lines(self) -> list[str]:
        """Return all that is done, as lines for people."""
        return [*([FOLDER] if self.folder else []), *(change.path for change in self.changes), *self.actions()]


def fault(each: Declared, shown: Shown | None, public_key: str, *, signed: bool, validity: Validity) -> str:
    """Return why a certificate must be made anew, nothing if it is good.

    Args:
        each: what is declared.
        shown: what is there, None for nothing that is a certificate.
        public_key: of the key that is there.
        signed: whether it was signed by who signs it now, the CA or itself.
        validity: when it is renewed; that is useless where a new one would not last longer, as when the CA ends soon.

    """
    if shown is None:
        return ABSENT
    if not public_key or shown.public_key != public_key:
        return "its key is not there" if not public_key else "its key is another one"
    if not signed:
        return "the CA has not signed it" if each.source == CA else "it is not self-signed"
    if shown.names != _canonical(each.names):
        return f"its names are {', '.join(sorted(shown.names)) or 'none'}"
    if validity.ends_soon(shown) and validity.new_end(each.source) > shown.end() + DAY:
        return f"it ends on {instant(shown.end())}"
    return ""


def instant(seconds: float) -> str:
    """Return a time as facts and messages have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def desired(
    pairs: Iterable[Pair], roots: Mapping[str, bytes], ca: Shown | None, found: Found
) -> dict[str, files.State]:
    """Return the wanted state of each path, with what is shown of the CA in the facts."""
    wanted: dict[str, files.State] = {
        f"{FOLDER}/{name}.{end}": None for name in _gone(pairs, found) for end in ("crt", "key")
    }
    for pair in pairs:
        declared, (certificate, key) = pair.declared, pair.contents
        uid, gid = found.owners[declared.name]
        wanted[declared.certificate] = files.File(certificate)
        wanted[declared.key] = files.File(key, 0o640 if declared.group else 0o600, uid, gid, secret=True)
    wanted |= dict.fromkeys(found.roots)
    wanted |= {f"{ROOTS}{name}.crt": files.File(pem) for name, pem in roots.items()}
    wanted[f"{FOLDER}/{CA}.crt"] = files.File(b"".join(roots.values())) if roots else None
    facts = {pair.declared.name: _fact(pair.declared.source, pair.shown, pair.declared.names) for pair in pairs}
    if roots:
        facts[CA] = _fact("root", ca, ())
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    wanted[facts_file()] = files.File(text.encode()) if facts else None
    return wanted


def is_key(path: str) -> bool:
    """Tell whether a path is that of a key, of which not even one that goes is shown."""
    return path.endswith(".key")


def plan(pairs: Collection[Pair], roots: Mapping[str, bytes], changes: list[files.Change], found: Found) -> Plan:
    """Return what is to do, with the changes of files that bring them to the desired state.

    Raises:
        CertificatesError: a unit cannot do what is asked of it.

    """
    paths = {change.path for change in changes}
    owed = found.owed or set()
    touched = [
        pair.declared
        for pair in pairs
        if paths & {pair.declared.certificate, pair.declared.key}
        or pair.declared.name in owed
        or (pair.declared.source == CA and f"{FOLDER}/{CA}.crt" in paths)
    ]
    trust = found.owed is not None or any(path.startswith(ROOTS) for path in paths) or not found.trusted
    names = {*_gone(pairs, found), *owed, *(each.name for each in touched)}
    return Plan(bool(pairs or roots) and found.exposed, changes, trust, _steps(pairs, touched, found), sorted(names))


def _gone(pairs: Iterable[Pair], found: Found) -> list[str]:
    return sorted((found.recorded | (found.owed or set())) - {pair.declared.name for pair in pairs})


def _steps(pairs: Iterable[Pair], touched: Collection[Declared], found: Found) -> list[Step]:
    todo: dict[str, Action] = {}
    for declared, unit, action in [(pair.declared, *unit) for pair in pairs for unit in pair.declared.units]:
        status = found.status[unit]
        if status.there and action == "reload" and not status.reloadable:
            raise CertificatesError(f"{declared}: {unit} cannot be reloaded: its action must be restart")
        if declared in touched and status.there and status.active:
            todo[unit] = "restart" if "restart" in (action, todo.get(unit)) else action
    return [Step(action, unit) for unit, action in todo.items()]


def _canonical(names: Iterable[str]) -> frozenset[str]:
    """Return names as `openssl.parse` returns them."""
    return frozenset(str(ipaddress.ip_address(name)) if is_address(name) else name for name in names)


def _fact(source: str, shown: Shown | None, names: Iterable[str]) -> dict[str, Any]:
    return {
        "not_after": instant(shown.end()) if shown else UNKNOWN,
        "names": sorted(shown.names if shown else names),
        "serial": shown.serial if shown else UNKNOWN,
        "source": source,
    }


def diff(planned: Plan, pairs: Iterable[Pair], days: int) -> list[dict[str, Any]]:
    """Return a plan in the form of Ansible's `diff` result, certificates as people read them."""
    texts = {path: text for pair in pairs for path, text in _texts(pair, days).items()}
    found = []
    for change in planned.changes:
        if change.path in texts and _content(change.before) != _content(change.after):
            before, after = texts[change.path]
            header = {"before_header": change.path, "after_header": change.path}
            found.append({**header, "before": before, "after": after})
        else:
            found += files.diff([change])
    return found + [{"prepared": f"{each}\n"} for each in planned.actions()]


def _texts(pair: Pair, days: int) -> dict[str, tuple[str, str]]:
    """Return before and after of a certificate, and of its key if that is new."""
    before = _show(pair.before) if pair.before else ""
    after = f"names: {', '.join(sorted(pair.declared.names))}\nends: after {days} days\n"
    if pair.shown:
        after = _show(pair.shown)
    after += f"source: {pair.declared.source}\n" + (f"made anew because {pair.why}\n" if pair.why else "")
    texts = {pair.declared.certificate: (before, after)}
    if pair.why:
        texts[pair.declared.key] = ("(a key)\n" if before else "", "(a new key)\n")
    return texts


def _show(shown: Shown) -> str:
    return f"names: {', '.join(sorted(shown.names))}\nends: {instant(shown.end())}\nserial: {shown.serial}\n"


def _content(state: files.State) -> bytes | None:
    return state.content if isinstance(state, files.File) else None
