"""Virtual hosts as values: what a declared vhost of each kind means for its file, its ports and Apache's modules."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LOGS = "/var/log/apache2"
# Below /etc/apache2, and named so in sites' files: the staged test of a new certificate then finds it too.
TLS = "strata-tls"

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "ensure": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "kind": {"type": "str", "choices": ["static", "redirect", "proxy", "uwsgi"], "default": "static"},
    "content": {"type": "str"},
    "docroot": {"type": "str"},
    "options": {"type": "list", "elements": "str", "default": ["-Indexes", "+SymLinksIfOwnerMatch"]},
    "dest": {"type": "str"},
    "permanent": {"type": "bool", "default": False},
    "exclusions": {"type": "list", "elements": "str", "default": []},
    "websocket": {"type": "bool", "default": False},
    "timeout": {"type": "int"},
    "preserve_host": {"type": "bool", "default": False},
    "port": {"type": "int"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "serveraliases": {"type": "list", "elements": "str", "default": []},
    "priority": {"type": "int"},
    "logroot": {"type": "str", "default": "${APACHE_LOG_DIR}"},
    "log_format": {"type": "str", "default": "combined"},
    "auth": {
        "type": "dict",
        "options": {"name": {"type": "str", "required": True}, "user_file": {"type": "str", "required": True}},
    },
    "ssl": {"type": "bool", "default": False},
    "certificate": {"type": "str"},
    "key": {"type": "str", "no_log": False},
    "chain": {"type": "str"},
    "certificate_content": {"type": "str", "no_log": True},
    "key_content": {"type": "str", "no_log": True},
    "self_signed": {"type": "bool", "default": False},
    "redirect_ssl": {"type": "bool", "default": False},
    "hsts": {"type": "int", "default": 0},
    "origin": {"type": "str"},
}

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_ALIAS = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9*?._-]{0,252}")
_PATH = re.compile(r"(/[A-Za-z0-9._@+,~-]+)+/?")
_URL_PATH = re.compile(r"/[A-Za-z0-9._@+,~/%-]*")
_URL = re.compile(r"https?://[A-Za-z0-9._-]+(:\d+)?(/[A-Za-z0-9._@+,~/%=&?-]*)?")
_BACKEND = re.compile(r"http://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?(/[A-Za-z0-9._@+,~/%-]*)?")
_HOST_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d+")
_OPTION = re.compile(
    r"[+-]?(All|None|ExecCGI|FollowSymLinks|Includes|IncludesNOEXEC|Indexes|MultiViews|SymLinksIfOwnerMatch)"
)
_FORMAT = re.compile(r"[\x20-\x5b\x5d-\x7e]+")
_PLAIN = re.compile(r"[\x20\x21\x23\x25-\x5b\x5d-\x7e]+")
_ORIGIN = re.compile(r"[\x20-\x7e]*")
LAST_PORT = 65535
_LAST_PRIORITY = 99

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
_PRIORITY = {"static": 25, "redirect": 10, "proxy": 10, "uwsgi": 25}
_FOR_SSL = (
    "certificate",
    "key",
    "chain",
    "certificate_content",
    "key_content",
    "self_signed",
    "redirect_ssl",
    "hsts",
)
_MODULES = {
    "static": ("authz_core", "dir"),
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
    """A declared vhost: the name of its file, its whole text without header, and where it was declared."""

    name: str
    file: str
    ports: tuple[int, ...]
    text: str
    origin: str
    modules: tuple[str, ...] = ()
    certificate: Certificate | None = None

    def __str__(self) -> str:
        """Return the vhost as messages name it."""
        return described(self.name, self.origin)


def described(name: str, origin: str) -> str:
    """Return a vhost as messages name it."""
    return f"vhost {name} ({origin})" if origin else f"vhost {name}"


def sites(items: Iterable[Mapping[str, Any]]) -> list[Site]:
    """Return the sites that the items declare present, in the order of their files.

    Raises:
        ValueError: an item has a value that has no place in a configuration, or two items have the same file.

    """
    found: dict[str, Site] = {}
    absent = set()
    for item in items:
        site = _site(item)
        if site.file in found:
            origins = " and ".join(each.origin or "an item without origin" for each in (found[site.file], site))
            raise ValueError(
                f"two vhosts have the same file {site.file}, from {origins}: give one another name or priority"
            )
        found[site.file] = site
        if item["ensure"] == "absent":
            absent.add(site.file)
    return [found[file] for file in sorted(found) if file not in absent]


def check(pattern: re.Pattern[str], value: str, what: str, key: str, rule: str) -> None:
    """Check that a value fits a pattern.

    Raises:
        ValueError: it does not.

    """
    if not pattern.fullmatch(value):
        raise ValueError(f"{what}: {key} {value!r} {rule}")


def _site(item: Mapping[str, Any]) -> Site:
    name, origin = item["name"], item["origin"] or ""
    check(_ORIGIN, origin, f"vhost {name!r}", "origin", "must be one line of plain text")
    what = described(repr(name), origin)
    check(FILE_NAME, name, what, "name", "must be a host name (letters, digits, dots, dashes)")
    raw = item["content"] is not None
    priority = item["priority"] if item["priority"] is not None else 25 if raw else _PRIORITY[item["kind"]]
    if not 0 <= priority <= _LAST_PRIORITY:
        raise ValueError(f"{what}: priority {priority} is not between 0 and {_LAST_PRIORITY}")
    file = f"{priority:02d}-{name}.conf"
    if item["ensure"] == "absent":
        return Site(name, file, (), "", origin)
    _check_common(item, what)
    port = item["port"] if item["port"] is not None else 443 if item["ssl"] else 80
    if not 1 <= port <= LAST_PORT:
        raise ValueError(f"{what}: there is no port {port}")
    if raw:
        if not item["content"].strip():
            raise ValueError(f"{what}: its content is empty")
        return Site(name, file, (port,), item["content"].removesuffix("\n") + "\n", origin)
    _check_kind(item, what)
    certificate = _certificate(item, file.removesuffix(".conf"), what)
    text = _section(item, port, _body(item, certificate))
    ports = (port,)
    if item["redirect_ssl"]:
        ports, text = (80, port), text + _plain(item, port)
    return Site(name, file, ports, text, origin, _modules(item), certificate)


def _modules(item: Mapping[str, Any]) -> tuple[str, ...]:
    modules = {*_MODULES[item["kind"]]}
    if item["auth"]:
        modules |= {"auth_basic", "authn_file", "authz_user"}
    if item["ssl"]:
        modules.add("ssl")
    if item["redirect_ssl"]:
        modules.add("alias")
    if item["hsts"]:
        modules.add("headers")
    return tuple(sorted(modules))


def _check_ssl(item: Mapping[str, Any], what: str) -> None:
    for key in ("certificate", "key", "chain"):
        if item[key]:
            check_path(item[key], what, key)
    if item["hsts"] < 0:
        raise ValueError(f"{what}: hsts {item['hsts']} is less than 0")
    if item["redirect_ssl"] and item["port"] == 80:  # noqa: PLR2004
        raise ValueError(f"{what}: redirect_ssl needs port 80 for itself")


def _certificate(item: Mapping[str, Any], stem: str, what: str) -> Certificate | None:
    if not item["ssl"]:
        given = next((key for key in _FOR_SSL if item[key]), None)
        if given:
            raise ValueError(f"{what}: {given} means nothing without ssl: true")
        return None
    paths = (item["certificate"], item["key"])
    content = (item["certificate_content"], item["key_content"])
    if [any(paths), any(content), item["self_signed"]].count(True) != 1:
        raise ValueError(f"{what}: ssl takes one of certificate and key, their content, or self_signed: true")
    if any(paths) and not all(paths):
        raise ValueError(f"{what}: certificate and key must both be given")
    if any(content) and not all(content):
        raise ValueError(f"{what}: certificate_content and key_content must both be given")
    _check_ssl(item, what)
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


def _check_common(item: Mapping[str, Any], what: str) -> None:
    for alias in item["serveraliases"]:
        check(_ALIAS, alias, what, "server alias", "must be a host name (* and ? are wildcards)")
    for address in item["addresses"]:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise ValueError(f"{what}: address {address!r} is no IP address") from error
    if item["docroot"] is not None:
        check_path(item["docroot"], what, "docroot")


def check_path(path: str, what: str, key: str) -> None:
    """Check that a value is an absolute path that needs no quoting.

    Raises:
        ValueError: it is not.

    """
    check(_PATH, path, what, key, "must be an absolute path without blanks, quotes and the like")
    if {".", ".."} & set(path.split("/")):
        raise ValueError(f"{what}: {key} {path!r} must be a path without . and ..")


def _check_kind(item: Mapping[str, Any], what: str) -> None:
    kind = item["kind"]
    for key, kinds in _MEANT_FOR.items():
        if item[key] and kind not in kinds:
            raise ValueError(f"{what}: {key} means nothing for a vhost of kind {kind}")
    if kind == "static" and item["docroot"] is None:
        raise ValueError(f"{what} has neither content nor docroot")
    if kind != "static":
        _check_dest(kind, item["dest"], what)
    _check_details(item, what)


def _check_dest(kind: str, dest: str | None, what: str) -> None:
    if dest is None:
        raise ValueError(f"{what} is of kind {kind} and has no dest")
    if kind == "uwsgi" and dest.startswith("/"):
        check_path(dest, what, "dest")
        return
    pattern, rule = {
        "redirect": (_URL, "must be a URL (http:// or https://)"),
        "proxy": (_BACKEND, "must be an http:// URL without query"),
        "uwsgi": (_HOST_PORT, "must be the path of a socket or host:port"),
    }[kind]
    check(pattern, dest, what, "dest", rule)


def _check_details(item: Mapping[str, Any], what: str) -> None:
    for path in item["exclusions"]:
        check(_URL_PATH, path, what, "exclusion", "must be the path of a URL, from its first slash")
    for option in item["options"]:
        check(_OPTION, option, what, "option", "is no option of an Apache folder")
    if item["timeout"] is not None and item["timeout"] < 1:
        raise ValueError(f"{what}: timeout {item['timeout']} is less than a second")
    if item["logroot"] != OPTIONS["logroot"]["default"]:
        check_path(item["logroot"], what, "logroot")
    check(_FORMAT, item["log_format"], what, "log_format", "must be one line without backslashes")
    if item["auth"]:
        check(_PLAIN, item["auth"]["name"], what, "auth name", "must be one line without quotes, $ and backslashes")
        check_path(item["auth"]["user_file"], what, "auth user_file")


def _plain(item: Mapping[str, Any], port: int) -> str:
    """Return vhosts on port 80 that lead each name to the same name over TLS (a wildcard to the site's own)."""
    fixed = [alias for alias in item["serveraliases"] if not re.search(r"[*?]", alias)]
    wild = [alias for alias in item["serveraliases"] if alias not in fixed]
    behind = "" if port == 443 else f":{port}"  # noqa: PLR2004
    # The first vhost whose names fit answers: wildcards come last.
    names = {alias: [] for alias in fixed} | {item["name"]: wild}
    return "".join(
        _section(item, 80, [f'Redirect permanent "/" "https://{name}{behind}/"'], name=name, aliases=aliases)
        for name, aliases in names.items()
    )


def _section(
    item: Mapping[str, Any],
    port: int,
    body: Iterable[str],
    *,
    name: str | None = None,
    aliases: Iterable[str] | None = None,
) -> str:
    """Return a whole <VirtualHost> with names (the item's, if no others are given), body and logs."""
    aliases = item["serveraliases"] if aliases is None else aliases
    addresses = [f"[{each}]" if ":" in each else each for each in item["addresses"]] or ["*"]
    log = f"{item['logroot'].rstrip('/')}/{item['name']}"
    log_format = item["log_format"].replace('"', '\\"')
    log_format = f'"{log_format}"' if not FILE_NAME.fullmatch(log_format) else log_format
    lines = [
        f"ServerName {name or item['name']}",
        *(f"ServerAlias {alias}" for alias in aliases),
        *body,
        f'ErrorLog "{log}_error.log"',
        f'CustomLog "{log}_access.log" {log_format}',
    ]
    opening = f"<VirtualHost {' '.join(f'{address}:{port}' for address in addresses)}>"
    return "\n".join([opening, *(f"    {line}" for line in lines), "</VirtualHost>\n"])


def _body(item: Mapping[str, Any], certificate: Certificate | None) -> Iterator[str]:
    if certificate:
        yield "SSLEngine On"
        yield f'SSLCertificateFile "{certificate.path}"'
        yield f'SSLCertificateKeyFile "{certificate.key}"'
        if item["chain"]:
            yield f'SSLCertificateChainFile "{item["chain"]}"'
    if item["hsts"]:
        yield f'Header always set Strict-Transport-Security "max-age={item["hsts"]}"'
    if item["docroot"]:
        yield from _folder(item["docroot"].rstrip("/"), item["options"])
    if item["kind"] == "redirect":
        # Apache puts what follows the slash of the request behind the target as it is.
        target = item["dest"].rstrip("/") + "/"
        yield f'Redirect {"permanent" if item["permanent"] else "temp"} "/" "{target}"'
    elif item["kind"] in ("proxy", "uwsgi"):
        yield from _proxied(item)
    if item["auth"]:
        yield from _asking(item["auth"])


def _folder(docroot: str, options: Iterable[str]) -> Iterator[str]:
    yield f'DocumentRoot "{docroot}"'
    yield f'<Directory "{docroot}">'
    if options:
        yield f"    Options {' '.join(options)}"
    yield "    AllowOverride None"
    yield "    Require all granted"
    yield "</Directory>"


def _proxied(item: Mapping[str, Any]) -> Iterator[str]:
    target, more = item["dest"], ""
    if item["kind"] == "proxy":
        target = target.rstrip("/") + "/"
        yield f"ProxyPreserveHost {'On' if item['preserve_host'] else 'Off'}"
        yield 'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"'
        more = " upgrade=websocket" if item["websocket"] else ""
    else:
        target = f"unix:{target}|uwsgi://{item['name']}/" if target.startswith("/") else f"uwsgi://{target}/"
    if item["timeout"] is not None:
        more += f" timeout={item['timeout']}"
    # The first ProxyPass that fits a path decides.
    yield from (f'ProxyPass "{path}" "!"' for path in item["exclusions"])
    yield f'ProxyPass "/" "{target}"{more}'
    if item["kind"] == "proxy":
        yield f'ProxyPassReverse "/" "{target}"'


def _asking(auth: Mapping[str, Any]) -> Iterator[str]:
    yield '<Location "/">'
    yield "    AuthType Basic"
    yield f'    AuthName "{auth["name"]}"'
    yield "    AuthBasicProvider file"
    yield f'    AuthUserFile "{auth["user_file"]}"'
    yield "    Require valid-user"
    yield "</Location>"
