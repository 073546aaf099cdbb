"""Sources of packages, as files of /etc/apt/sources.list.d in the form of deb822."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apt import keys
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/etc/apt/sources.list.d"
LIST = "/etc/apt/sources.list"
MARK = "# Managed by Strata: changes made here are overwritten\n"

_URI = re.compile(r"[a-z][a-z0-9+.-]*:/\S*")
_FIELD = re.compile(r"[A-Z][A-Za-z-]*")
_OWN_FIELDS = {"Enabled", "Types", "URIs", "Suites", "Components", "Architectures", "Signed-By", "Trusted"}


@dataclass(frozen=True)
class Source:
    """A source as it is declared; `fields` are those of its stanza, `key` is the file that its signature must fit."""

    name: str
    origin: str
    fields: tuple[tuple[str, str], ...]
    key: str = ""

    @property
    def path(self) -> str:
        """The file that it stands in."""
        return f"{FOLDER}/{self.name}.sources"

    @property
    def enabled(self) -> bool:
        """Whether apt uses it."""
        return ("Enabled", "no") not in self.fields

    @property
    def uris(self) -> list[str]:
        """Where it is."""
        return dict(self.fields)["URIs"].split()

    @property
    def text(self) -> str:
        """The file's content."""
        return MARK + "".join(f"{name}: {value}\n" for name, value in self.fields)

    def __str__(self) -> str:
        """Return the name with who asked for it."""
        return f"{self.name} ({self.origin})" if self.origin else self.name


def parse_source(item: Mapping[str, Any], key_paths: Mapping[str, str]) -> Source:
    """Return a source.

    Args:
        item: as the module's documentation says; `signed_by` is not a key itself here.
        key_paths: the paths of declared keys, by name.

    Raises:
        DeclarationError: apt would not understand it, or it holds a password.

    """
    name = keys.checked_name(item)
    source = Source(name, item["origin"], ())
    if not item["uris"] or not item["suites"]:
        raise DeclarationError(f"the source {source} needs at least one of uris and of suites")
    for what in ("uris", "suites", "components", "architectures", "types"):
        for word in item[what]:
            if not word or re.search(r"\s", word):
                raise DeclarationError(f"the source {source} has {word!r} in {what}, which must be one word")
    for uri in item["uris"]:
        if keys.SECRET.search(uri):
            raise DeclarationError(
                f"the source {source} has a user or password in its uris, where everybody can read it"
            )
        if not _URI.fullmatch(uri):
            raise DeclarationError(f"the source {source} has {uri!r} in uris, which is not a URI")
    flat = [suite.endswith("/") for suite in item["suites"]]
    if any(flat) and (not all(flat) or item["components"]):
        raise DeclarationError(
            f"the source {source} has a suite that is a path (it ends in /), and those have no components"
        )
    if not any(flat) and not item["components"]:
        raise DeclarationError(f"the source {source} needs components, unless its suites are paths, which end in /")
    key = _key(source, item["signed_by"], key_paths)
    fields = {
        "Enabled": "" if item["enabled"] else "no",
        "Types": " ".join(item["types"]),
        "URIs": " ".join(item["uris"]),
        "Suites": " ".join(item["suites"]),
        "Components": " ".join(item["components"]),
        "Architectures": " ".join(item["architectures"]),
        "Signed-By": key,
        "Trusted": {True: "yes", False: "no", None: ""}[item["trusted"]],
        **_further(source, item["fields"]),
    }
    return Source(name, item["origin"], tuple((field, value) for field, value in fields.items() if value), key)


def _key(source: Source, signed_by: str, key_paths: Mapping[str, str]) -> str:
    if not signed_by or signed_by.startswith("/"):
        return signed_by
    if signed_by not in key_paths:
        known = f"declared are {', '.join(sorted(key_paths))}" if key_paths else "none is declared"
        raise DeclarationError(
            f"the source {source} is signed by {signed_by!r}, but apt_keys has no key of that name: {known}"
        )
    return key_paths[signed_by]


def _further(source: Source, fields: Mapping[str, Any]) -> dict[str, str]:
    for field, value in fields.items():
        if field in _OWN_FIELDS or not _FIELD.fullmatch(field):
            raise DeclarationError(
                f"the source {source} has {field!r} in fields, which is not a further field of deb822"
            )
        if not isinstance(value, str) or not value.strip() or "\n" in value:
            raise DeclarationError(
                f"the source {source} has {value!r} for {field} in fields, which must be a line of text"
            )
    return dict(fields)
