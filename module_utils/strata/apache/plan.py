"""Debian's Apache as values: what the declarations mean for its files, and which of them a message is about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.checks import FILE_NAME, LAST_PORT, check
from ansible.module_utils.strata.apache.vhosts import LOGS, TLS, Site
from ansible.module_utils.strata.files import Change, File, Link, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ansible.module_utils.strata.apache.modules import Module, Settings

ROOT = "/etc/apache2"
MARK = "# Managed by Strata"
# What can be purged, by the folder that it is enabled in.
PURGEABLE = {"sites": "sites", "mods": "modules", "conf": "confs"}

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
# Debian's apache2.conf lets folders be listed here.
<Directory /var/www/>
    Options -Indexes
</Directory>
RequestHeader unset Proxy early
<IfModule ssl_module>
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20
    SSLSessionTickets Off
</IfModule>
"""


@dataclass(frozen=True)
class Declared:
    """What this host's Apache shall be; `modules` with all that they depend on, `off` the enabled modules that go."""

    sites: Sequence[Site]
    modules: Mapping[str, Module | None]
    ports: Sequence[int]
    server_name: str
    settings: Sequence[Settings] = ()
    off: AbstractSet[str] = frozenset()
    disabled_sites: Sequence[str] = ()
    purge: Sequence[str] = ()
    certificates: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """What stands in /etc/apache2, by paths in it.

    `enabled` is what Apache reads, `links` says which of the available files a link points to, and `owned` are those
    of them that carry our header.
    """

    enabled: Mapping[str, State] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    owned: AbstractSet[str] = frozenset()

    def modules(self) -> list[str]:
        """Return the names of the modules that Apache reads something of."""
        files = (path.removeprefix("mods-enabled/") for path in self.enabled if path.startswith("mods-enabled/"))
        return sorted({file.rpartition(".")[0] for file in files})


def desired(declared: Declared, host: Host) -> dict[str, State]:
    """Return the state that every path of ours must have, and every foreign one that goes.

    Raises:
        ValueError: the declarations contradict each other.

    """
    paths = _own(declared)
    stale = host.owned - paths.keys()
    paths |= dict.fromkeys([*stale, *(link for link, file in host.links.items() if file in stale)])
    for name in declared.disabled_sites:
        check(FILE_NAME, name, "disabled_sites", "name", "is no name of a site")
        site = next((each for each in declared.sites if each.file == f"{name}.conf"), None)
        if site:
            raise ValueError(f"{site} is also among the disabled sites")
        paths[f"sites-enabled/{name}.conf"] = None
    for path in host.enabled.keys() - paths.keys():
        folder, _, file = path.partition("-enabled/")
        goes = file.rpartition(".")[0] in declared.off if folder == "mods" else PURGEABLE[folder] in declared.purge
        if goes:
            paths[path] = None
    # A file where a link should be has no other copy: it moves to where it can be enabled again.
    for path, state in host.enabled.items():
        if isinstance(state, File) and path in paths and paths[path] is None:
            paths[path.replace("-enabled/", "-available/")] = state
    return {f"{ROOT}/{path}": state for path, state in paths.items()} | {**declared.certificates}


def _own(declared: Declared) -> dict[str, State]:
    paths: dict[str, State] = {}
    for site in declared.sites:
        paths[f"sites-available/{site.file}"] = _file(site.text, site.origin)
        paths[f"sites-enabled/{site.file}"] = Link(f"../sites-available/{site.file}")
    for name, module in declared.modules.items():
        for kind in ("load", "conf") if module and module.has_conf else ("load",) if module else ():
            paths[f"mods-enabled/{name}.{kind}"] = Link(f"../mods-available/{name}.{kind}")
    check(FILE_NAME, declared.server_name, "this host", "name", "is no host name")
    texts = {"strata.conf": _file(_BASELINE.format(server_name=declared.server_name))}
    texts |= {each.file: _file(each.text, each.origin) for each in declared.settings}
    for file, text in texts.items():
        paths[f"conf-available/{file}"] = text
        paths[f"conf-enabled/{file}"] = Link(f"../conf-available/{file}")
    listening = all_ports(declared.sites, declared.ports)
    paths["ports.conf"] = _file("".join(f"Listen {port}\n" for port in listening))
    return paths


def foreign(host: Host, paths: Iterable[str]) -> list[str]:
    """Return what Apache reads though nobody declared it: paths that are not among those of ours."""
    return sorted({f"{ROOT}/{path}" for path in host.enabled} - {*paths})


def check_moves(changes: Iterable[Change], host: Host) -> None:
    """Check that no file that moves to where it is only available meets another one there.

    Raises:
        ValueError: one does.

    """
    for change in changes:
        moved = change.path.removeprefix(f"{ROOT}/").replace("-available/", "-enabled/")
        if change.before and isinstance(host.enabled.get(moved), File) and change.after == host.enabled[moved]:
            raise ValueError(
                f"{ROOT}/{moved} is to be disabled, but is a file of its own, and {change.path} is another one: "
                "remove one of them; nothing was changed"
            )


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


def blamed(text: str, declared: Iterable[Site | Settings]) -> Site | Settings | None:
    """Return the site or module whose file a message of configtest names last, if any."""
    found = [(text.rfind(f"-{place}/{each.file}"), each) for each in declared for place in ("enabled", "available")]
    where, part = max(found, default=(-1, None), key=lambda pair: pair[0])
    return part if where >= 0 else None


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
