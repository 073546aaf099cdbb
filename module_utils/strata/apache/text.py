"""The text of a declared vhost of each kind, as it stands in its file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata.apache.checks import FILE_NAME, backend, speaks_tls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible.module_utils.strata.apache.vhosts import Certificate

# Debian's own authorities, of the package ca-certificates.
_CA_FILE = "/etc/ssl/certs/ca-certificates.crt"
_OPENING = re.compile(r"^[ \t]*<VirtualHost[ \t]+([^>\n]+)>", re.MULTILINE | re.IGNORECASE)
_LISTEN = re.compile(r"^[ \t]*Listen[ \t]+(?:\S+:)?(\d+)(?=\s)", re.MULTILINE | re.IGNORECASE)
_DEFINE = re.compile(r"""[ \t]*Define[ \t]+(\w+)[ \t]+["']?([^"'\s]+)["']?[ \t]*""", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# What a URL ends with that is a page, and no folder whose pages have the same names.
_PAGE = re.compile(r"https?://[^/?]+([^?]*/[^/?]*\.[^/?]*|[^?]*\?.*)")


def expanded(raw: str) -> str:
    """Return a text as Apache reads it: with the values of variables that it defines itself, line by line."""
    known: dict[str, str] = {}
    lines = []
    for written in raw.split("\n"):
        line = _VARIABLE.sub(lambda found: known.get(found[1], found[0]), written)
        if defined := _DEFINE.fullmatch(line):
            known[defined[1]] = defined[2]
        lines.append(line)
    return "\n".join(lines)


def listens(raw: str) -> set[int]:
    """Return the ports of the directives Listen in a text."""
    return set(map(int, _LISTEN.findall(expanded(raw))))


def ports(raw: str, port: int | None) -> tuple[int, ...]:
    """Return the ports that a site with a text of its own needs: its item's and the text's, less its own Listen."""
    places = (place for words in _OPENING.findall(expanded(raw)) for place in words.split())
    named = {int(number) for place in places if (number := place.rpartition(":")[2].strip('"')).isdecimal()}
    if port is not None or not named:
        named.add(port or 80)
    return tuple(sorted(named - listens(raw)))


def values_of(directive: str, raw: str) -> list[str]:
    """Return the first value, in quotes or without blanks, of each directive of a text whose name fits a pattern."""
    value = r"""(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"']\S*))"""
    found = re.findall(rf"^[ \t]*(?:{directive})[ \t]+{value}", expanded(raw), re.MULTILINE | re.IGNORECASE)
    return ["".join(each) for each in found]


def plain(item: Mapping[str, Any], port: int) -> str:
    """Return vhosts on port 80 that lead each name to the same name over TLS (a wildcard to the site's own)."""
    fixed = [alias for alias in item["serveraliases"] if not re.search(r"[*?]", alias)]
    wild = [alias for alias in item["serveraliases"] if alias not in fixed]
    behind = "" if port == 443 else f":{port}"  # noqa: PLR2004
    # The first vhost whose names fit answers: wildcards come last.
    names = {alias: [] for alias in fixed} | {item["name"]: wild}
    return "".join(
        section(item, 80, [f'Redirect permanent "/" "https://{name}{behind}/"'], name=name, aliases=aliases)
        for name, aliases in names.items()
    )


def section(
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


def body(item: Mapping[str, Any], certificate: Certificate | None) -> Iterator[str]:
    """Yield the lines of a vhost that say what it does."""
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
        how = "permanent" if item["permanent"] else "temp"
        if _PAGE.fullmatch(item["dest"]):
            yield f'RedirectMatch {how} "^" "{item["dest"]}"'
        else:
            # Apache puts what follows the slash of the request behind the target as it is.
            yield f'Redirect {how} "/" "{item["dest"].rstrip("/")}/"'
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
    target, socket, more = item["dest"], "", ""
    if item["kind"] == "proxy":
        socket, target = backend(target)
        # Apache's http workers change to WebSocket themselves: ws is http with that.
        websocket = item["websocket"] or target.startswith("ws")
        target = re.sub("^ws", "http", target).rstrip("/") + "/"
        yield f"ProxyPreserveHost {'On' if item['preserve_host'] else 'Off'}"
        yield 'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"'
        more = " upgrade=websocket" if websocket else ""
        if speaks_tls(item):
            yield from _to_tls(item)
    else:
        socket, name = (target, item["name"]) if target.startswith("/") else ("", target)
        target = f"uwsgi://{name}/"
    if item["timeout"] is not None:
        more += f" timeout={item['timeout']}"
    # The first ProxyPass that fits a path decides.
    yield from (f'ProxyPass "{path}" "!"' for path in item["exclusions"])
    at_socket = f"unix:{socket}|" if socket else ""
    yield f'ProxyPass "/" "{at_socket}{target}"{more}'
    if item["kind"] == "proxy":
        yield f'ProxyPassReverse "/" "{target}"'


def _to_tls(item: Mapping[str, Any]) -> Iterator[str]:
    yield "SSLProxyEngine On"
    yield "SSLProxyProtocol -all +TLSv1.2 +TLSv1.3"
    if item["dest_verify"]:
        yield "SSLProxyVerify require"
        yield f'SSLProxyCACertificateFile "{item["dest_ca"] or _CA_FILE}"'
    else:
        yield "SSLProxyVerify none"
        yield "SSLProxyCheckPeerName Off"
        yield "SSLProxyCheckPeerExpire Off"


def _asking(auth: Mapping[str, Any]) -> Iterator[str]:
    yield '<Location "/">'
    yield "    AuthType Basic"
    yield f'    AuthName "{auth["name"]}"'
    yield "    AuthBasicProvider file"
    yield f'    AuthUserFile "{auth["user_file"]}"'
    yield "    Require valid-user"
    yield "</Location>"
