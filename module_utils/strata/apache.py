"""Debian's Apache as values: what sites, modules and ports mean for its files, and which site a message is about."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata.files import Change, File, Link, State
from ansible.module_utils.strata.vhost_checks import FILE_NAME, LAST_PORT, check
from ansible.module_utils.strata.vhosts import LOGS, TLS, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = "/etc/apache2"
MARK = "# Managed by Strata"

_BASELINE = """\
ServerName {server_name}
ServerTokens Prod
ServerSignature Off
TraceEnable Off
<FilesMatch "^\\.(?!well-known$)">
    Require all denied
</FilesMatch>
<DirectoryMatch "/\\.(?!well-known(/|$))">
    Require all denied
</DirectoryMatch>
<IfModule ssl_module>
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20
    SSLSessionTickets Off
</IfModule>
"""


@dataclass(frozen=True)
class Module:
    """What Debian's mods-available says of one module."""

    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    has_conf: bool = False


def parse_module(load: str, *, has_conf: bool) -> Module:
    """Return what the text of a .load file says: `# Depends: a b`, `# Conflicts: c`."""
    said = {
        key: tuple(names.split()) for key, names in re.findall(r"^# (Depends|Conflicts): *(.*)$", load, re.MULTILINE)
    }
    return Module(said.get("Depends", ()), said.get("Conflicts", ()), has_conf)


def close_over(wanted: Iterable[str], available: Callable[[str], Module | None]) -> dict[str, Module | None]:
    """Return the wanted modules with all that they depend on; None for a module that is not available.

    Raises:
        ValueError: a name is no name of a module.

    """
    found: dict[str, Module | None] = {}
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an Apache module")
        found[name] = module = available(name)
        if module:
            todo.extend(module.depends)
    return found


def check_conflicts(modules: Mapping[str, Module | None], enabled: Iterable[str]) -> None:
    """Check that no module excludes another one.

    Raises:
        ValueError: one does.

    """
    loaded = {*modules, *enabled}
    for name, module in sorted(modules.items()):
        for other in module.conflicts if module else ():
            if other in loaded:
                raise ValueError(
                    f"Apache module {name} excludes {other}, which is enabled or declared too: "
                    f"disable {other} by hand (no module is ever disabled for you)"
                )


def desired(
    declared: Sequence[Site],
    modules: Mapping[str, Module | None],
    ports: Iterable[int],
    *,
    disabled: Iterable[str],
    owned: Iterable[str],
    links: Mapping[str, str],
    server_name: str,
    certificates: Mapping[str, State] | None = None,
) -> dict[str, State]:
    """Return the state that every path of ours must have.

    `owned` are the files in sites-available that carry our header, `links` the links in sites-enabled with the names
    of the files that they point to.

    Raises:
        ValueError: the declarations contradict each other.

    """
    paths: dict[str, State] = {}
    for name in disabled:
        check(FILE_NAME, name, "disabled_sites", "name", "is no name of a site")
        paths[f"{ROOT}/sites-enabled/{name}.conf"] = None
    stale = set(owned) - {site.file for site in declared}
    paths |= {f"{ROOT}/sites-available/{file}": None for file in stale}
    paths |= {f"{ROOT}/sites-enabled/{link}": None for link, file in links.items() if file in stale}
    for site in declared:
        if f"{ROOT}/sites-enabled/{site.file}" in paths:
            raise ValueError(f"{site} is also among the disabled sites")
        paths[f"{ROOT}/sites-available/{site.file}"] = _file(site.text, site.origin)
        paths[f"{ROOT}/sites-enabled/{site.file}"] = Link(f"../sites-available/{site.file}")
    for name, module in modules.items():
        for kind in ("load", "conf") if module and module.has_conf else ("load",):
            paths[f"{ROOT}/mods-enabled/{name}.{kind}"] = Link(f"../mods-available/{name}.{kind}")
    check(FILE_NAME, server_name, "this host", "name", "is no host name")
    paths[f"{ROOT}/conf-available/strata.conf"] = _file(_BASELINE.format(server_name=server_name))
    paths[f"{ROOT}/conf-enabled/strata.conf"] = Link("../conf-available/strata.conf")
    listening = all_ports(declared, ports)
    paths[f"{ROOT}/ports.conf"] = _file("".join(f"Listen {port}\n" for port in listening))
    return paths | {**(certificates or {})}


def masked(changes: Iterable[Change]) -> list[Change]:
    """Return the changes, with what stood in files of certificates and keys kept out of diffs."""
    return [
        replace(change, before=replace(change.before, secret=True))
        if change.path.startswith(f"{ROOT}/{TLS}/") and isinstance(change.before, File)
        else change
        for change in changes
    ]


def all_ports(declared: Iterable[Site], ports: Iterable[int]) -> list[int]:
    """Return the ports that Apache listens on.

    Raises:
        ValueError: there is none, or one is no port.

    """
    listening = sorted({*ports, *(port for site in declared for port in site.ports)})
    if not listening:
        raise ValueError("no vhost and no port is declared: Apache needs a port to listen on")
    if not 1 <= listening[0] <= listening[-1] <= LAST_PORT:
        raise ValueError(f"ports: not all of {listening} are ports")
    return listening


def _file(text: str, origin: str = "") -> File:
    header = f"{MARK} ({origin})" if origin else MARK
    return File(f"{header}: changes made here are overwritten\n{text}".encode("utf-8", "surrogateescape"))


def action_for(changes: Iterable[Change]) -> str:
    """Return what brings the changes into effect: restart for new modules, reload for all else, nothing for none."""
    paths = [change.path for change in changes]
    if any(path.startswith(f"{ROOT}/mods-enabled/") for path in paths):
        return "restart"
    return "reload" if paths else ""


def message(output: str, stage: str = ROOT) -> str:
    """Return Apache's own words: the wrapper script's noise dropped, a staged path written as the real one."""
    noise = ("Action '", "The Apache error log may have", "Syntax OK", "Job for apache2.service", 'See "systemctl')
    lines = (line.strip().replace(stage, ROOT) for line in output.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(noise))


def log_messages(text: str) -> list[str]:
    """Return what an error log says about Apache itself, without time stamps: no warnings, no client's faults."""
    found = []
    for line in text.splitlines():
        stamped = re.match(r"\[[^]]*\] \[\w*:(\w+)\] (?:\[pid [^]]*\] )?(.*)", line)
        if stamped and stamped[1] in ("emerg", "alert", "crit", "error") and not stamped[2].startswith("[client"):
            found.append(stamped[2])
        elif not line.startswith("["):
            found.append(line)
    return found


def error_logs(declared: Iterable[Site]) -> list[str]:
    """Return the error logs that the sites name for themselves."""
    names = (
        name
        for site in declared
        for name in re.findall(r'^\s*ErrorLog\s+"?([^"\s|]+)', site.text, re.MULTILINE | re.IGNORECASE)
    )
    return [path for name in names if (path := name.replace("${APACHE_LOG_DIR}", LOGS)).startswith("/")]


def location(text: str) -> str:
    """Return the file that a message of configtest is about (the innermost one), or an empty string."""
    places = re.findall(r"on line \d+ of (/[^\s:]+)|(/[^\s:]+):\d+:", text)
    return next((file for pair in reversed(places) for file in pair if file), "")


def blamed(text: str, declared: Iterable[Site]) -> Site | None:
    """Return the site whose file a message of configtest names last, if any."""
    found = [
        (text.rfind(f"/sites-{place}/{site.file}"), site) for site in declared for place in ("enabled", "available")
    ]
    where, site = max(found, default=(-1, None), key=lambda pair: pair[0])
    return site if where >= 0 else None


def suspects(text: str, declared: Sequence[Site], changes: Iterable[Change]) -> list[Site]:
    """Return the sites that messages of a dying Apache are about: by port, name or file; else those that changed."""
    ports = {int(port) for port in re.findall(r"could not bind to address \S*:(\d+)", text)}
    if ports:
        listens = re.compile(rf"^\s*Listen\s+(\S+:)?({'|'.join(map(str, ports))})\s*$", re.MULTILINE | re.IGNORECASE)
        return [site for site in declared if ports & {*site.ports} or listens.search(site.text)]
    files = {path.rstrip(".") for path in re.findall(r"(?<![\w.])/[\w./-]+", text)}
    named = [
        site
        for site in declared
        if re.search(rf"(?<![\w.-]){re.escape(site.name)}(?![\w-])", text) or any(file in site.text for file in files)
    ]
    changed = {change.path.rpartition("/")[2] for change in changes}
    return named or [site for site in declared if site.file in changed]
