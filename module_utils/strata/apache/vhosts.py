"""Virtual hosts as values: what a declared vhost of each kind means for its file, its ports and Apache's modules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apache import checks, text
from ansible.module_utils.strata.apache.checks import check
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOGS = "/var/log/apache2"
# Below /etc/apache2, and named so in sites' files: the staged test of a new certificate then finds it too.
TLS = "strata-tls"

_PRIORITY = {"static": 25, "redirect": 10, "proxy": 10, "uwsgi": 25}
_MODULES = {
    "static": ("authz_core", "dir", "mime"),
    "redirect": ("alias",),
    "proxy": ("headers", "proxy_http"),
    "uwsgi": ("proxy_uwsgi",),
}


@dataclass(frozen=True)
class Certificate:
    """What an SSL site shows: the paths of certificate and key (relative to /etc/apache2 if they are ours)."""

    path: str
    key: str
    names: tuple[str, ...] = ()
    content: tuple[str, str] | None = field(default=None, repr=False)
    self_signed: bool = False


@dataclass(frozen=True)
class Site:
    """A declared vhost: the name of its file, its whole text without header, and where it was declared.

    A `raw` one brings that text itself.
    """

    name: str
    file: str
    ports: tuple[int, ...]
    text: str
    origin: str
    modules: tuple[str, ...] = ()
    certificate: Certificate | None = None
    raw: bool = False

    def __str__(self) -> str:
        """Return the vhost as messages name it."""
        return described(self.name, self.origin)


def described(name: str, origin: str) -> str:
    """Return a vhost as messages name it."""
    return f"vhost {name} ({origin})" if origin else f"vhost {name}"


def sites(items: Iterable[Mapping[str, Any]]) -> list[Site]:
    """Return the sites that the items declare present, in the order of their files.

    Raises:
        DeclarationError: an item has a value that has no place in a configuration, or two items have the same file.

    """
    found: dict[str, Site] = {}
    absent = set()
    for item in items:
        site = _site(item)
        if site.file in found:
            origins = " and ".join(each.origin or "an item without origin" for each in (found[site.file], site))
            raise DeclarationError(
                f"two vhosts have the same file {site.file}, from {origins}: give one another name or priority"
            )
        found[site.file] = site
        if item["ensure"] == "absent":
            absent.add(site.file)
    return [found[file] for file in sorted(found) if file not in absent]


def _site(item: Mapping[str, Any]) -> Site:
    name, origin = item["name"], item["origin"] or ""
    check(checks.ORIGIN, origin, f"vhost {name!r}", "origin", "must be one line of plain text")
    what = described(repr(name), origin)
    check(checks.FILE_NAME, name, what, "name", "must be a host name (letters, digits, dots, dashes)")
    raw = item["content"] is not None
    priority = item["priority"] if item["priority"] is not None else 25 if raw else _PRIORITY[item["kind"]]
    if not 0 <= priority <= checks.LAST_PRIORITY:
        raise DeclarationError(f"{what}: priority {priority} is not between 0 and {checks.LAST_PRIORITY}")
    file = f"{priority:02d}-{name}.conf"
    if item["ensure"] == "absent":
        return Site(name, file, (), "", origin)
    checks.check_common(item, what)
    port = item["port"] if item["port"] is not None else 443 if item["ssl"] else 80
    if not 1 <= port <= checks.LAST_PORT:
        raise DeclarationError(f"{what}: port {port} is not between 1 and {checks.LAST_PORT}")
    if raw:
        if not item["content"].strip():
            raise DeclarationError(f"{what}: its content is empty")
        text_of_site = item["content"].removesuffix("\n") + "\n"
        return Site(name, file, text.ports(text_of_site, item["port"]), text_of_site, origin, raw=True)
    checks.check_kind(item, what)
    certificate = _certificate(item, file.removesuffix(".conf"), what)
    written = text.section(item, port, text.body(item, certificate))
    if item["redirect_ssl"]:
        written += text.plain(item, port)
    ports = (80, port) if item["redirect_ssl"] else (port,)
    return Site(name, file, ports, written, origin, _modules(item), certificate)


def _modules(item: Mapping[str, Any]) -> tuple[str, ...]:
    modules = {*_MODULES[item["kind"]]}
    if item["auth"]:
        modules |= {"auth_basic", "authn_file", "authz_user"}
    if item["ssl"] or checks.speaks_tls(item):
        modules.add("ssl")
    if item["redirect_ssl"]:
        modules.add("alias")
    if item["hsts"]:
        modules.add("headers")
    return tuple(sorted(modules))


def _certificate(item: Mapping[str, Any], stem: str, what: str) -> Certificate | None:
    if not item["ssl"]:
        given = next((key for key in checks.FOR_SSL if item[key]), None)
        if given:
            raise DeclarationError(f"{what}: {given} means nothing without ssl: true")
        return None
    paths = (item["certificate"], item["key"])
    content = (item["certificate_content"], item["key_content"])
    if [any(paths), any(content), item["self_signed"]].count(True) != 1:
        raise DeclarationError(f"{what}: ssl takes one of certificate and key, their content, or self_signed: true")
    if any(paths) and not all(paths):
        raise DeclarationError(f"{what}: certificate and key must both be given")
    if any(content) and not all(content):
        raise DeclarationError(f"{what}: certificate_content and key_content must both be given")
    checks.check_ssl(item, what)
    if all(paths):
        return Certificate(*paths)
    # A certificate's names have no wildcards but a leading *.
    names = [each for each in (item["name"], *item["serveraliases"]) if not re.search(r"[*?]", each.removeprefix("*."))]
    return Certificate(
        f"{TLS}/{stem}.crt",
        f"{TLS}/{stem}.key",
        tuple(dict.fromkeys(names)),
        content if all(content) else None,
        self_signed=item["self_signed"],
    )
