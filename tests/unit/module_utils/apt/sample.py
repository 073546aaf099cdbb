"""Packages, sources and keys for the tests of apt."""

from __future__ import annotations

import base64

from ansible.module_utils.strata.apt.declared import Wish
from ansible.module_utils.strata.apt.host import Host, Package

DPKG = Package("ii ", "dpkg", "amd64", "1.22")
LESS = Package("ii ", "less", "amd64", "668-1")
MAWK = Package("ii ", "mawk", "amd64", "1.3", frozenset({"awk"}))
LOCALES = Package("ii ", "locales", "all", "2.41")
FOREIGN = Package("ii ", "libc6", "i386", "2.41")
UNPACKED = Package("iU ", "rsync", "amd64", "3.4")
CONFIGURATION = Package("rc ", "telnet", "amd64", "0.17")
HELD = Package("hi ", "tzdata", "all", "2026a")
HOST = Host((DPKG, LESS, MAWK, LOCALES, FOREIGN, UNPACKED, CONFIGURATION, HELD))

PACKET = b"\x98\x04\x04key"
ARMOUR = (
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n"
    f"{base64.b64encode(PACKET).decode()}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----"
)
SOURCE = {
    "name": "example",
    "types": ["deb"],
    "uris": ["https://packages.example.org/debian"],
    "suites": ["trixie"],
    "components": ["main", "extra"],
    "architectures": [],
    "signed_by": "",
    "trusted": None,
    "enabled": True,
    "fields": {},
    "origin": "web__apt_sources",
}


def wish(spec, *origins):
    name, _, architecture = spec.partition(":")
    return Wish(name, architecture, origins)
