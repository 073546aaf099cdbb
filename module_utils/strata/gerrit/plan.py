"""What a Gerrit needs to become what is declared (pure): folders, files, jars, `init`, and what its unit does."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ansible.module_utils.strata import units
from ansible.module_utils.strata.gerrit import declared, jars
from ansible.module_utils.strata.gerrit.service import UNIT

if TYPE_CHECKING:
    from ansible.module_utils.strata.files import Change
    from ansible.module_utils.strata.gerrit.config import Entry
    from ansible.module_utils.strata.gerrit.declared import Site
    from ansible.module_utils.strata.gerrit.host import Host
    from ansible.module_utils.strata.gerrit.jars import JarChange

#: What becomes of the daemon; it reloads by Gerrit's own command, and not by systemd.
Action = units.Action | Literal["", "start"]
#: The section of gerrit.config that Gerrit takes over when it is asked to (CommentLinkProvider.java). Three keys of
#: other sections, which hardly anybody sets, could be as well.
RELOADED = "commentlink"
SITE_STYLE = re.compile(r"etc/GerritSite(Header|Footer)?\.(html|css)")
SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
}
DEFAULT_SCAN = 60


@dataclass(frozen=True)
class Plan:
    """What is to be done; `folders` are to be made, or to get their owner, and have their modes here."""

    folders: dict[str, int]
    files: list[Change]
    jars: list[JarChange]
    init: bool
    action: Action
    enable: bool

    @property
    def steps(self) -> list[str]:
        """What is done besides files, in words."""
        action = "reload-config" if self.action == "reload" else self.action
        found = [f"{path}: folder" for path in self.folders] + [str(change) for change in self.jars]
        found += ["init"] * self.init + [f"{UNIT}: {action}"] * bool(action)
        return found + [f"{UNIT}: enable"] * self.enable

    @property
    def changes(self) -> list[str]:
        """All that is done, in words."""
        return [change.path for change in self.files] + self.steps


def plan(site: Site, host: Host, changes: list[Change]) -> Plan:
    """Return what is to be done; `changes` are those of files."""
    jar_changes = jars.changes(host.jars, site.jars)
    init = site.jars[0].sha256 != host.record.initialised
    if not host.active:
        action: Action = "start"
    elif init or host.pending or needs_restart(site, host, changes) or not _can_load(site, jar_changes):
        action = "restart"
    else:
        action = "reload" if needs_reload(site, host, changes) else ""
    folders = {path: mode for path, mode in site.folders().items() if path not in host.folders}
    return Plan(folders, changes, jar_changes, init, action, not host.enabled)


def needs_restart(site: Site, host: Host, changes: list[Change]) -> bool:
    """Return whether the server reads one of the changed files only when it starts."""
    names = {os.path.relpath(change.path, site.path) for change in changes}
    if needs_reload(site, host, changes):
        names.remove(declared.CONFIG)
    return any(name.split("/")[0] not in declared.READ_ANEW and not SITE_STYLE.fullmatch(name) for name in names)


def needs_reload(site: Site, host: Host, changes: list[Change]) -> bool:
    """Return whether gerrit.config changes, but only in what Gerrit takes over when it is asked to by SSH."""
    if all(change.path != site.place(declared.CONFIG) for change in changes):
        return False
    present = host.configs.get(declared.CONFIG, [])
    wanted = declared.with_kept(declared.CONFIG, site.config, present)
    return site.value("sshd", "listenAddress") != "off" and _others(present) == _others(wanted)


def _others(lines: list[Entry]) -> list[Entry]:
    """Return the lines that Gerrit reads only when it starts, with names as git gives them."""
    lower = [each._replace(section=each.section.lower(), key=each.key.lower()) for each in lines]
    return [each for each in lower if each.section != RELOADED]


def _can_load(site: Site, changes: list[JarChange]) -> bool:
    """Return whether a running Gerrit finds all of these by itself; it doesn't when its last plugin goes."""
    gone = [change for change in changes if not change.jar]
    left = any(jar.place.startswith("plugins/") for jar in site.jars)
    plugins = all(change.place.startswith("plugins/") for change in changes)
    return plugins and (left or not gone) and (not changes or scan_interval(site) > 0)


def scan_interval(site: Site) -> float:
    """Return the seconds after which Gerrit looks for changed plugins again; 0 if it never does."""
    text = site.value("plugins", "checkFrequency", f"{DEFAULT_SCAN} s")
    found = re.fullmatch(r"([0-9]+)\s*([a-z]*)", text.strip().lower())
    unit = (SECONDS.get(found[2] or "ms") or SECONDS.get(found[2].removesuffix("s"))) if found else None
    return int(found[1]) * unit if found and unit else 0
