"""One run over the whole Apache of a host: plan, test, apply, check."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, listeners, openssl, quiet
from ansible.module_utils.strata.apache import (
    declared,
    directives,
    effect,
    host,
    logrotate,
    messages,
    plan,
    raw,
    reads,
    served,
    tls,
)
from ansible.module_utils.strata.apache.configtest import ConfigTest, RefusedError
from ansible.module_utils.strata.apache.service import PID_FILE, UNIT, Apache
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible.module_utils.strata.apache.declared import Declared
    from ansible.module_utils.strata.apache.service import Verb
    from ansible.module_utils.strata.apache.vhosts import Site

BINARY = "/usr/sbin/apache2"


def converge(module: quiet.QuietModule) -> dict[str, Any]:
    """Bring Apache to the declared state; return the result of the module.

    Raises:
        RefusedError: Apache does not accept the declared configuration; what was there is back.
        DeclarationError: the declarations are not valid, or not on this host.

    """
    wanted = declared.parse(module.params, platform.node())
    installed = os.path.exists(BINARY)
    if not installed and not module.check_mode:
        raise DeclarationError("apache2 is not installed: the package apache2 must be there before its configuration")
    there = host.read(wanted.modules.reasons)
    missing = [host.no_module(name) for name, found in sorted(plan.modules(wanted, there).items()) if not found]
    if missing and not module.check_mode:
        raise DeclarationError(" ".join(missing))
    certificates = tls.wanted(wanted.sites, openssl.Tool(module.run), check_mode=module.check_mode)
    _warn(module, certificates.warnings)
    desired = plan.desired(wanted, there, certificates.files)
    changes = files.plan(desired, plan.is_secret)
    plan.check_no_overwrite(changes, there)
    foreign = plan.foreign(there, desired)
    _warn(module, _overruled(foreign, plan.baseline(wanted)))
    rotation = logrotate.plan(module.run, module.params, wanted.sites, check_mode=module.check_mode)
    if installed and changes and not missing:
        _look_at_texts(module, wanted, plan.modules_on(desired, there))
    done = _configure(module, wanted, changes, rotation, missing) if installed else ["start", "enable"]
    changes += rotation
    changed = [change.path for change in changes]
    return quiet.result(
        [*changed, *(f"{UNIT}: {each}" for each in done)],
        files.diff(changes) + [{"prepared": f"{UNIT}: {each}\n"} for each in done],
        paths=changed,
        service=done,
        foreign=foreign,
    )


def _overruled(foreign: Iterable[str], own: str) -> Iterator[str]:
    """Yield sentences about settings of files of others that Apache reads after our own text."""
    for path in plan.read_later(foreign):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
            yield from raw.overruled(path, stream.read(), own)


def _configure(
    module: quiet.QuietModule,
    wanted: Declared,
    changes: list[files.Change],
    rotation: list[files.Change],
    missing: list[str],
) -> list[str]:
    """Test the changes and bring them about, unless this is check mode; return what that does to the unit.

    Raises:
        RefusedError: Apache does not accept the changes; what was there is back.
        DeclarationError: Apache could not read a list of users.

    """
    _check_users(module, wanted.sites)
    apache = Apache(module.run)
    test = ConfigTest(module.run, [*wanted.sites, *wanted.modules.settings])
    status = apache.status()
    action: Verb | None = "start"
    if status.active:
        action = effect.stronger(plan.action_for(changes)) or ("reload" if reads.renewed(wanted.sites) else None)
    ports = set(wanted.ports)
    if missing:
        module.warn(" ".join([*missing, "So the configuration could not be tested."]))
    elif changes:
        ports |= _try_out(module, test, changes, wanted)
    if action:
        _check_free(module, wanted)
    if not module.check_mode:
        if action:
            way = effect.Effect(apache, test, wanted.sites, sorted(ports))
            way.bring_about(changes, action, was_active=status.active)
        files.apply(rotation)
        _warn_of_logs(module)
        failed = "" if status.enabled else apache.systemctl("enable")
        if failed:
            raise RefusedError(f"Apache serves, but cannot be made to start at boot: {failed}")
    return [*([action] if action else []), *([] if status.enabled else ["enable"])]


def _warn_of_logs(module: quiet.QuietModule) -> None:
    """Warn of logs that Apache writes though no rotation has them: the texts of sites don't name all."""
    if module.params["logrotate_options"] is not None:
        with contextlib.suppress(OSError), open(PID_FILE, encoding="ascii") as stream:
            unrotated = logrotate.unrotated(module.run, stream.read().strip())
            _warn(
                module,
                (f"Apache writes {path}, which nothing rotates: name it in logrotate_files" for path in unrotated),
            )


def _check_users(module: quiet.QuietModule, sites: Iterable[Site]) -> None:
    """Check that Apache can read the lists of users of its sites, which in check mode is only worth a warning.

    Raises:
        DeclarationError: it can't.

    """
    unreadable = reads.unreadable(sites)
    if unreadable and not module.check_mode:
        raise DeclarationError(" ".join([*unreadable, "Nothing was changed."]))
    _warn(module, unreadable)


def _look_at_texts(module: quiet.QuietModule, wanted: Declared, on: set[str]) -> None:
    """Hold the texts of sites that bring their own against the modules that are on.

    Raises:
        DeclarationError: they need others.

    """
    texts = [site for site in wanted.sites if site.raw]
    if not texts:
        return
    mpm = next((name for name in sorted(on) if name.startswith("mpm_")), "mpm_event")
    known, builtin = directives.known(module.run, mpm)
    if known:
        on = on | builtin
        lacking = {site: raw.needs(site, known, on) for site in texts}
        if names := sorted({name for needed in lacking.values() for name in needed}):
            reasons = [
                f"{site} needs {name} for {each.text!r}"
                for site, needed in lacking.items()
                for name, each in needed.items()
            ]
            raise DeclarationError(f"httpd_modules: [{', '.join(names)}] must be added: {'; '.join(reasons)}")
        _warn(module, (text for site in texts for text in raw.without_effect(site, on)))


def _check_free(module: quiet.QuietModule, wanted: Declared) -> None:
    """Check that no other program has a port that Apache shall listen on, before Apache goes down for it.

    Raises:
        RefusedError: one has.

    """
    ports = [listeners.Port("tcp", port) for port in wanted.ports]
    for port, words in listeners.taken(module.run, UNIT, ports).items():
        about = " and ".join(str(site) for site in wanted.sites if port.number in site.ports) or "ports"
        raise RefusedError(f"Apache cannot listen on port {port.number} for {about}: {words}; nothing was changed")


def _try_out(module: quiet.QuietModule, test: ConfigTest, changes: list[files.Change], wanted: Declared) -> set[int]:
    """Test the changes in a copy of the configuration; return the ports of the virtual hosts that are declared.

    Raises:
        RefusedError: Apache refuses them. (In check mode a missing file is only a warning.)
        DeclarationError: a name of a site would never be answered by it, or nothing listens on its port.

    """
    sites = wanted.sites
    verdict = test.staged(changes)
    if module.check_mode and re.search(r"does not exist or is empty|No such file or directory", verdict.refused):
        module.warn(f"a file is missing that an earlier task may yet bring: {verdict.refused}")
    elif verdict.refused:
        test.blame(verdict.refused)
    if problems := served.unheard(verdict.vhosts, sites, wanted.ports) or served.problems(verdict.vhosts, sites):
        raise DeclarationError(" ".join([*problems, "Nothing was changed."]))
    _warn(module, (messages.with_sites(text, sites) for text in verdict.warnings))
    files_of_sites = {site.file for site in sites}
    return {vhost.port for vhost in verdict.vhosts if vhost.file in files_of_sites} - {0}


def _warn(module: quiet.QuietModule, warnings: Iterable[str]) -> None:
    for warning in warnings:
        module.warn(warning)
