"""What Apache's files become: the declarations and what stands on the host, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.module_utils.strata.apache.host import MARK, ROOT
from ansible.module_utils.strata.apache.modules import close_over, off
from ansible.module_utils.strata.apache.vhosts import TLS
from ansible.module_utils.strata.errors import DeclarationError
from ansible.module_utils.strata.files import Change, File, Link, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.strata.apache.declared import Declared
    from ansible.module_utils.strata.apache.host import Host
    from ansible.module_utils.strata.apache.modules import Module
    from ansible.module_utils.strata.apache.service import Verb

# What can be purged, by the folder that it is enabled in.
_PURGEABLE = {"sites": "sites", "mods": "modules", "conf": "confs"}

_OWN = "strata.conf"
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


def modules(declared: Declared, host: Host) -> dict[str, Module | None]:
    """Return the modules that shall be enabled, with all that they depend on; None for one that is not available."""
    return close_over(declared.modules.reasons, host.modules.get)


def desired(declared: Declared, host: Host, certificates: Mapping[str, State]) -> dict[str, State]:
    """Return the state that every path of ours must have, and every foreign one that goes.

    Args:
        declared: what this host's Apache shall be.
        host: what stands there.
        certificates: the state of the files of the sites' certificates.

    Raises:
        DeclarationError: the declarations contradict the host.

    """
    enabled = host.enabled_modules()
    wanted = modules(declared, host)
    gone = off(
        declared.disabled_modules,
        enabled if "modules" in declared.purge else [],
        declared.modules.reasons,
        wanted,
        {name: host.modules.get(name) for name in enabled},
    )
    paths = _own(declared, wanted)
    stale = host.owned - paths.keys()
    paths |= dict.fromkeys([*stale, *(link for link, file in host.links.items() if file in stale)])
    paths |= dict.fromkeys(f"sites-enabled/{name}.conf" for name in declared.disabled_sites)
    for path in host.enabled.keys() - paths.keys():
        folder, _, file = path.partition("-enabled/")
        goes = file.rpartition(".")[0] in gone if folder == "mods" else _PURGEABLE[folder] in declared.purge
        if goes:
            paths[path] = None
    # A file where a link should be has no other copy: it moves to where it can be enabled again.
    for path, state in host.enabled.items():
        if isinstance(state, File) and path in paths and paths[path] is None:
            paths[path.replace("-enabled/", "-available/")] = state
    return {f"{ROOT}/{path}": state for path, state in paths.items()} | {**certificates}


def _own(declared: Declared, wanted: Mapping[str, Module | None]) -> dict[str, State]:
    paths: dict[str, State] = {}
    for site in declared.sites:
        paths[f"sites-available/{site.file}"] = _file(site.text, site.origin)
        paths[f"sites-enabled/{site.file}"] = Link(f"../sites-available/{site.file}")
    for name, module in wanted.items():
        for kind in ("load", "conf") if module and module.has_conf else ("load",) if module else ():
            paths[f"mods-enabled/{name}.{kind}"] = Link(f"../mods-available/{name}.{kind}")
    texts = {_OWN: _file(baseline(declared))}
    texts |= {each.file: _file(each.text, each.origin) for each in declared.modules.settings}
    for file, text in texts.items():
        paths[f"conf-available/{file}"] = text
        paths[f"conf-enabled/{file}"] = Link(f"../conf-available/{file}")
    paths["ports.conf"] = _file("".join(f"Listen {port}\n" for port in declared.ports))
    return paths


def _file(text: str, origin: str = "") -> File:
    header = f"{MARK} ({origin})" if origin else MARK
    return File(f"{header}: changes made here are overwritten\n{text}".encode("utf-8", "surrogateescape"))


def modules_on(desired: Mapping[str, State], host: Host) -> set[str]:
    """Return the modules that are on when all paths have their desired states."""
    states = {f"{ROOT}/{path}": state for path, state in host.enabled.items()} | {**desired}
    folder = f"{ROOT}/mods-enabled/"
    paths = (path for path, state in states.items() if state and path.startswith(folder) and path.endswith(".load"))
    return {path.removeprefix(folder).removesuffix(".load") for path in paths}


def baseline(declared: Declared) -> str:
    """Return our own settings of the whole server."""
    return _BASELINE.format(server_name=declared.server_name)


def read_later(paths: Iterable[str]) -> list[str]:
    """Return those of the paths whose settings Apache reads after our own, and before the sites."""
    return [path for path in paths if path.startswith(f"{ROOT}/conf-enabled/") and path > f"{ROOT}/conf-enabled/{_OWN}"]


def is_secret(path: str) -> bool:
    """Tell whether a path is one of the certificates and keys that are kept for sites."""
    return path.startswith(f"{ROOT}/{TLS}/")


def foreign(host: Host, paths: Iterable[str]) -> list[str]:
    """Return what Apache reads though nobody declared it: paths that are not among those of ours."""
    return sorted({f"{ROOT}/{path}" for path in host.enabled} - {*paths})


def check_no_overwrite(changes: Iterable[Change], host: Host) -> None:
    """Check that no file that moves to where it is only available meets another one there.

    Raises:
        DeclarationError: one does.

    """
    for change in changes:
        moved = change.path.removeprefix(f"{ROOT}/").replace("-available/", "-enabled/")
        if change.before and isinstance(host.enabled.get(moved), File) and change.after == host.enabled[moved]:
            raise DeclarationError(
                f"{ROOT}/{moved} is to be disabled, but is a file of its own, and {change.path} is another one: "
                "remove one of them; nothing was changed"
            )


def action_for(changes: Iterable[Change]) -> Verb | None:
    """Return what brings the changes into effect: a restart for new modules, a reload for all else."""
    paths = [change.path for change in changes]
    if any(path.startswith(f"{ROOT}/mods-enabled/") for path in paths):
        return "restart"
    return "reload" if paths else None
