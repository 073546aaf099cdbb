"""Sources in the old form of one line, and keys that count for all sources, in today's form."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.strata import files
from ansible.module_utils.strata.apt import keys, sources
from ansible.module_utils.strata.apt.host import AptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.strata.apt.declared import Settings
    from ansible.module_utils.strata.apt.tools import Tools

PACKAGED = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
TRUSTED = ("/etc/apt/trusted.gpg.d/*.asc", "/etc/apt/trusted.gpg.d/*.gpg", "/etc/apt/trusted.gpg")
METHODS = ("/usr/lib/apt/methods/sqv", "/usr/lib/apt/methods/gpgv")

_LINE = re.compile(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)\s*(?:#.*)?")
_OPTIONS = {
    "arch": "Architectures",
    "lang": "Languages",
    "target": "Targets",
    "signed-by": "Signed-By",
    "trusted": "Trusted",
    "by-hash": "By-Hash",
    "pdiffs": "PDiffs",
    "allow-insecure": "Allow-Insecure",
    "check-date": "Check-Date",
    "check-valid-until": "Check-Valid-Until",
    "valid-until-min": "Valid-Until-Min",
    "valid-until-max": "Valid-Until-Max",
}


@dataclass
class Migration:
    """Changes to files, the sources that they replace, and those that must stay, each with the reason."""

    changes: list[files.Change] = field(default_factory=list)
    migrated: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def parse_line(line: str) -> dict[str, str] | None:
    """Return the fields of deb822 that a line means; nothing for one that is empty or a comment.

    Raises:
        AptError: it cannot be said in deb822.

    """
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    match = _LINE.fullmatch(line)
    if not match:
        raise AptError(f"{keys.without_passwords(line)!r} is not understood")
    kind, options, uri, suite, components = match.groups()
    if uri.startswith("cdrom:") or keys.SECRET.search(uri):
        raise AptError(f"a {'CD' if uri.startswith('cdrom:') else 'URI with a password'} stays as it is")
    fields = {"Types": kind, "URIs": uri, "Suites": suite, "Components": " ".join(components.split())}
    for option in (options or "").split():
        name, separator, value = option.partition("=")
        if name not in _OPTIONS or not separator or not value:
            raise AptError(f"the option {option!r} is not understood")
        fields[_OPTIONS[name]] = value.replace(",", " ")
    return {name: value for name, value in fields.items() if value}


class TrustedKeys:
    """The keys that count for all sources, and which of them signed what."""

    def __init__(self, tools: Tools) -> None:
        """Take what runs commands."""
        self.tools = tools
        self.method = next((path for path in METHODS if os.path.exists(path)), "")
        self.paths = [path for pattern in TRUSTED for path in sorted(glob.glob(pattern))]
        self.used: dict[str, set[bytes]] = {}

    def signer(self, release: str, name: str) -> tuple[str, bytes]:
        """Return the path and perhaps new content of the keys that signed a Release file; `name` is for a new one.

        Raises:
            AptError: there is no such file, or no key fits.

        """
        if not os.path.exists(release):
            raise AptError("its lists are not there: run apt-get update")
        for path in PACKAGED:
            if os.path.exists(path) and self._signed(release, path):
                return path, b""
        for path in self.paths:
            if not self._signed(release, path):
                continue
            with open(path, "rb") as stream:
                certificates = keys.certificates(stream.read())
            fitting = [each for each in certificates if self._signed_by(release, each)]
            self.used.setdefault(path, set()).update(fitting)
            return f"{keys.FOLDER}/{name}.gpg", b"".join(fitting)
        raise AptError("no key that this host trusts has signed it")

    def leave(self) -> list[files.Change]:
        """Return the changes that take the keys of migrated sources from those that count for all."""
        changes = []
        for path, used in self.used.items():
            if self.tools.read(["dpkg-query", "--search", path]).status == 0:
                continue  # it belongs to a package
            before = files.read(path)
            if isinstance(before, files.File):
                rest = b"".join(each for each in keys.certificates(before.content) if each not in used)
                after = files.File(rest, before.mode, before.uid, before.gid) if rest else None
                changes.append(files.Change(path, before, after))
        return changes

    def _signed_by(self, release: str, certificate: bytes) -> bool:
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            path = f"{folder}/key.gpg"
            with open(path, "wb") as stream:
                stream.write(certificate)
            return self._signed(release, path)

    def _signed(self, release: str, key: str) -> bool:
        # What apt itself asks, in its own words: apt-method(5).
        wanted = f"600 URI Acquire\nURI: gpgv:{release}\nFilename: {release}\nSigned-By: {key}\n\n"
        answer = self.tools.read([self.method], f"601 Configuration\n\n{wanted}".encode())
        return bool(re.search("^201 URI Done", answer.output, re.MULTILINE))


def plan(tools: Tools, settings: Settings) -> Migration:
    """Return what turns the old sources of this host, less those that are declared, into today's."""
    done = Migration()
    trusted = TrustedKeys(tools)
    releases = _releases(tools)
    for path in [sources.LIST, *sorted(glob.glob(f"{sources.FOLDER}/*.list"))]:
        before = files.read(path)
        if not isinstance(before, files.File) or not before.content.strip():
            continue
        name = os.path.basename(path).removesuffix(".list")
        target = f"{sources.FOLDER}/{name if path != sources.LIST else 'sources-list'}.sources"
        if target in settings.files or os.path.lexists(target):
            done.left[path] = f"{target} is there already"
            continue
        try:
            stanzas, new_keys = _stanzas(before.content.decode(), path, name, releases, trusted)
        except (AptError, UnicodeDecodeError) as error:
            done.left[path] = str(error)
            continue
        if not stanzas:
            continue
        text = f"# Was {path}, which is kept as {path}.bak\n" + "\n".join(stanzas)
        after = {**new_keys, target: files.File(text.encode()), f"{path}.bak": before, path: None}
        done.changes += [files.Change(each, files.read(each), state) for each, state in after.items()]
        done.migrated.append(path)
    if not done.left and not _others_need_keys(settings):
        done.changes += trusted.leave()
    return done


def _others_need_keys(settings: Settings) -> bool:
    """Whether a source in today's form names no key, so that those that count for all sources must stay."""
    texts = {path: file.content.decode() for path, file in settings.files.items() if path.endswith(".sources")}
    for path in glob.glob(f"{sources.FOLDER}/*.sources"):
        with open(path, encoding="utf-8", errors="replace") as stream:
            texts.setdefault(path, stream.read())
    stanzas = [stanza for text in texts.values() for stanza in re.split(r"\n\s*\n", text)]
    return any(re.search("^URIs:", each, re.MULTILINE) and "\nSigned-By:" not in f"\n{each}" for each in stanzas)


def _stanzas(
    text: str, path: str, name: str, releases: Mapping[str, str], trusted: TrustedKeys
) -> tuple[list[str], dict[str, files.File]]:
    stanzas = []
    new_keys: dict[str, files.File] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            fields = parse_line(line)
            if fields is None:
                continue
            if not {"Signed-By", "Trusted"} & fields.keys():
                suffix = f"-{len(new_keys) + 1}" if new_keys else ""
                key, content = trusted.signer(releases.get(f"{path}:{number}", ""), f"{name}{suffix}")
                same = next((each for each, file in new_keys.items() if content and file.content == content), key)
                if content:
                    new_keys[same] = files.File(content)
                fields["Signed-By"] = same
        except AptError as error:
            raise AptError(f"line {number}: {error}") from None
        stanzas.append("".join(f"{field}: {value}\n" for field, value in fields.items()))
    return stanzas, new_keys


def _releases(tools: Tools) -> dict[str, str]:
    """Return where the lists of each line of each source have their Release file."""
    result = tools.read(["apt-get", "indextargets", "--format", "$(SOURCESENTRY)|$(METAKEY)|$(FILENAME)"])
    found: dict[str, str] = {}
    for line in result.output.splitlines():
        entry, key, filename = line.split("|")
        found.setdefault(entry, filename.rpartition(key.replace("/", "_"))[0] + "InRelease")
    return found
