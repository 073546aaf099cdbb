"""One run over the whole Apache of a host: plan, test, apply, check."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files, openssl, quiet
from ansible.module_utils.strata.apache import declared, effect, host, logrotate, plan, reads, tls
from ansible.module_utils.strata.apache.configtest import ConfigTest, RefusedError
from ansible.module_utils.strata.apache.service import UNIT, Apache
from ansible.module_utils.strata.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    rotation = logrotate.plan(module.run, module.params, wanted.sites, check_mode=module.check_mode)
    done = _configure(module, wanted, changes, rotation, missing) if installed else ["start", "enable"]
    changes += rotation
    changed = [change.path for change in changes]
    return quiet.result(
        [*changed, *(f"{UNIT}: {each}" for each in done)],
        files.diff(changes) + [{"prepared": f"{UNIT}: {each}\n"} for each in done],
        paths=changed,
        service=done,
        foreign=plan.foreign(there, desired),
    )


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
    if missing:
        module.warn(" ".join([*missing, "So the configuration could not be tested."]))
    elif changes:
        _try_out(module, test, changes)
    if not module.check_mode:
        if action:
            way = effect.Effect(apache, test, wanted.sites, wanted.ports)
            way.bring_about(changes, action, was_active=status.active)
        files.apply(rotation)
        failed = "" if status.enabled else apache.systemctl("enable")
        if failed:
            raise RefusedError(f"Apache serves, but cannot be made to start at boot: {failed}")
    return [*([action] if action else []), *([] if status.enabled else ["enable"])]


def _check_users(module: quiet.QuietModule, sites: Iterable[Site]) -> None:
    """Check that Apache can read the lists of users of its sites, which in check mode is only worth a warning.

    Raises:
        DeclarationError: it can't.

    """
    unreadable = reads.unreadable(sites)
    if unreadable and not module.check_mode:
        raise DeclarationError(" ".join([*unreadable, "Nothing was changed."]))
    _warn(module, unreadable)


def _try_out(module: quiet.QuietModule, test: ConfigTest, changes: list[files.Change]) -> None:
    """Test the changes in a copy of the configuration.

    Raises:
        RefusedError: Apache refuses them. (In check mode a missing file is only a warning.)

    """
    refused = test.staged(changes)
    if module.check_mode and re.search(r"does not exist or is empty|No such file or directory", refused):
        module.warn(f"a file is missing that an earlier task may yet bring: {refused}")
    elif refused:
        test.blame(refused)


def _warn(module: quiet.QuietModule, warnings: Iterable[str]) -> None:
    for warning in warnings:
        module.warn(warning)
