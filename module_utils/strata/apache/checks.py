"""What is refused of a declared vhost: values that have no place in a configuration, or no meaning for its kind."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_ALIAS = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9*?._-]{0,252}")
_PATH = re.compile(r"(/[A-Za-z0-9._@+,~-]+( +[A-Za-z0-9._@+,~-]+)*)+/?")
_URL_PATH = re.compile(r"/[A-Za-z0-9._@+,~/% -]*")
_URL = re.compile(r"https?://[A-Za-z0-9._-]+(:\d+)?(/[A-Za-z0-9._@+,~/%=&?-]*)?")
_BACKEND = re.compile(r"(https?|wss?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?(/[A-Za-z0-9._@+,~/%-]*)?")
_BACKEND_AT_SOCKET = re.compile(_BACKEND.pattern.replace("(https?|wss?)", "(http|ws)"))
_HOST_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d+")
_OPTION = re.compile(
    r"[+-]?(All|None|ExecCGI|FollowSymLinks|Includes|IncludesNOEXEC|Indexes|MultiViews|SymLinksIfOwnerMatch)"
)
_FORMAT = re.compile(r"[\x20-\x5b\x5d-\x7e]+")
_PLAIN = re.compile(r"[\x20\x21\x23\x25-\x5b\x5d-\x7e]+")
ORIGIN = re.compile(r"[\x20-\x7e]*")
LOGROOT = "${APACHE_LOG_DIR}"
LAST_PORT = 65535
LAST_PRIORITY = 99
#: As many bytes as the kernel takes of a socket's path.
_LONGEST_SOCKET = 107

# Which kinds an option has a meaning for; elsewhere it would be dropped without a word.
_MEANT_FOR = {
    "docroot": {"static", "proxy", "uwsgi"},
    "dest": {"redirect", "proxy", "uwsgi"},
    "permanent": {"redirect"},
    "exclusions": {"proxy", "uwsgi"},
    "websocket": {"proxy"},
    "timeout": {"proxy", "uwsgi"},
    "preserve_host": {"proxy"},
    # Apache redirects before it asks who is there.
    "auth": {"static", "proxy", "uwsgi"},
}
FOR_SSL = (
    "certificate",
    "key",
    "chain",
    "certificate_content",
    "key_content",
    "self_signed",
    "redirect_ssl",
    "hsts",
)


def check(pattern: re.Pattern[str], value: str, what: str, key: str, rule: str) -> None:
    """Check that a value fits a pattern.

    Raises:
        DeclarationError: it does not.

    """
    if not pattern.fullmatch(value):
        raise DeclarationError(f"{what}: {key} {value!r} {rule}")


def check_common(item: Mapping[str, Any], what: str) -> None:
    """Check what every vhost has, raw ones too.

    Raises:
        DeclarationError: a value is not fit.

    """
    for name in (item["name"], *item["serveraliases"]):
        if name.endswith(".") or ".." in name:
            raise DeclarationError(
                f"{what}: nobody can ask for the name {name!r}: no dot at its end, and no two in a row"
            )
    for alias in item["serveraliases"]:
        check(_ALIAS, alias, what, "server alias", "must be a host name (* and ? are wildcards)")
    for address in item["addresses"]:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise DeclarationError(f"{what}: address {address!r} is not an IP address") from error
    if item["docroot"] is not None:
        check_path(item["docroot"], what, "docroot")


def check_path(path: str, what: str, key: str) -> None:
    """Check that a value is an absolute path that stands for itself in quotes.

    Raises:
        DeclarationError: it is not.

    """
    check(_PATH, path, what, key, "must be an absolute path without quotes and the like")
    if {".", ".."} & set(path.split("/")):
        raise DeclarationError(f"{what}: {key} {path!r} must be a path without . and ..")


def check_kind(item: Mapping[str, Any], what: str) -> None:
    """Check what the text of a vhost of its kind is made from.

    Raises:
        DeclarationError: a value is not fit, missing, or means nothing for the kind.

    """
    kind = item["kind"]
    for key, kinds in _MEANT_FOR.items():
        if item[key] and kind not in kinds:
            raise DeclarationError(f"{what}: {key} means nothing for a vhost of kind {kind}")
    if kind == "static" and item["docroot"] is None:
        raise DeclarationError(f"{what} has neither content nor docroot")
    if kind != "static":
        _check_dest(kind, item["dest"], what)
    if (item["dest_ca"] or not item["dest_verify"]) and not speaks_tls(item):
        key = "dest_ca" if item["dest_ca"] else "dest_verify"
        raise DeclarationError(f"{what}: {key} means nothing without a dest of https:// or wss://")
    _check_details(item, what)


def speaks_tls(item: Mapping[str, Any]) -> bool:
    """Return whether a vhost speaks TLS with its backend."""
    return item["kind"] == "proxy" and (item["dest"] or "").startswith(("https:", "wss:"))


def backend(dest: str) -> tuple[str, str]:
    """Return the path of a proxy's socket, an empty one if its backend is none, and the URL that is asked for."""
    place, _, url = dest.rpartition("|")
    return (place.removeprefix("unix:"), url) if place.startswith("unix:") else ("", dest)


def _check_dest(kind: str, dest: str | None, what: str) -> None:
    if dest is None:
        raise DeclarationError(f"{what} is of kind {kind} and has no dest")
    socket, url = backend(dest) if kind == "proxy" else (dest, "") if dest.startswith("/") else ("", dest)
    if socket:
        check_path(socket, what, "dest")
        if len(socket) > _LONGEST_SOCKET:
            raise DeclarationError(f"{what}: dest {dest!r} has a socket with more than {_LONGEST_SOCKET} letters")
        if kind == "uwsgi":
            return
    pattern, rule = {
        "redirect": (_URL, "must be a URL (http:// or https://)"),
        "proxy": (
            _BACKEND_AT_SOCKET if socket else _BACKEND,
            "must be an http://, https://, ws:// or wss:// URL without query, or unix:PATH|http://NAME/ of a socket",
        ),
        "uwsgi": (_HOST_PORT, "must be the path of a socket or host:port"),
    }[kind]
    if not pattern.fullmatch(url):
        raise DeclarationError(f"{what}: dest {dest!r} {rule}")


def _check_details(item: Mapping[str, Any], what: str) -> None:
    for path in item["exclusions"]:
        check(_URL_PATH, path, what, "exclusion", "must be the path of a URL, from its first slash")
    for option in item["options"]:
        check(_OPTION, option, what, "option", "is not an option of an Apache folder")
    if item["timeout"] is not None and item["timeout"] < 1:
        raise DeclarationError(f"{what}: timeout {item['timeout']} is less than a second")
    if item["dest_ca"]:
        check_path(item["dest_ca"], what, "dest_ca")
    if item["logroot"] != LOGROOT:
        check_path(item["logroot"], what, "logroot")
    check(_FORMAT, item["log_format"], what, "log_format", "must be one line without backslashes")
    if item["auth"]:
        check(_PLAIN, item["auth"]["name"], what, "auth name", "must be one line without quotes, $ and backslashes")
        check_path(item["auth"]["user_file"], what, "auth user_file")


def check_ssl(item: Mapping[str, Any], what: str) -> None:
    """Check what a vhost that speaks TLS has besides.

    Raises:
        DeclarationError: a value is not fit.

    """
    for key in ("certificate", "key", "chain"):
        if item[key]:
            check_path(item[key], what, key)
    if item["hsts"] < 0:
        raise DeclarationError(f"{what}: hsts {item['hsts']} is less than 0")
    if item["redirect_ssl"] and item["port"] == 80:  # noqa: PLR2004
        raise DeclarationError(f"{what}: redirect_ssl needs port 80 for itself")
