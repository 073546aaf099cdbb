"""One run over the whole Apache of a host: plan, test, apply, check."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.strata import files, openssl
from ansible.module_utils.strata.apache import effect as apache_effect
from ansible.module_utils.strata.apache import host as apache_host
from ansible.module_utils.strata.apache import logrotate, reads, tls, vhosts
from ansible.module_utils.strata.apache import modules as apache_modules
from ansible.module_utils.strata.apache import plan as apache
from ansible.module_utils.strata.apache.configtest import ConfigTest, RefusedError
from ansible.module_utils.strata.apache.service import Service

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

BINARY = "/usr/sbin/apache2"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "vhosts": {"type": "list", "elements": "dict", "default": [], "options": vhosts.OPTIONS},
    "modules": {"type": "list", "elements": "raw", "default": []},
    "disabled_modules": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int", "default": [80]},
    "disabled_sites": {"type": "list", "elements": "str", "default": ["000-default"]},
    "purge": {"type": "list", "elements": "str", "choices": [*apache.PURGEABLE.values()], "default": []},
    "logrotate_options": {"type": "list", "elements": "str"},
    **{f"logrotate_{name}": {"type": "str"} for name in logrotate.SCRIPTS},
}


class Run:
    """What is declared, and the tools to bring it about."""

    def __init__(self, module: AnsibleModule) -> None:
        """Read the declarations.

        Raises:
            ValueError: they are not valid.

        """
        self.module = module
        self.params: dict[str, Any] = module.params
        self.sites = vhosts.sites(self.params["vhosts"])
        self.wanted = apache_modules.wanted(self.params["modules"], self.sites)
        self.ports = apache.all_ports(self.sites, self.params["ports"])
        self.service = Service(self.run)
        self.test = ConfigTest(self.run, [*self.sites, *self.wanted.settings])
        self.foreign: list[str] = []

    def run(self, command: list[str], data: bytes | None = None, **environment: str) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        environment = {"LC_ALL": "C.UTF-8", **environment}
        return self.module.run_command(command, data=data, binary_data=True, environ_update=environment)

    def converge(self) -> NoReturn:
        """Bring Apache to the declared state; exits the module.

        Raises:
            RefusedError: Apache does not accept the declared configuration; what was there is back.
            ValueError: the declarations are not valid on this host.

        """
        check_mode = self.module.check_mode
        installed = os.path.exists(BINARY)
        if not installed and not check_mode:
            raise ValueError("apache2 is not installed: the package apache2 must be there before its configuration")
        modules = apache_modules.close_over(self.wanted.reasons, apache_host.read_module)
        missing = [apache_host.no_module(name) for name, found in sorted(modules.items()) if not found]
        if missing and not check_mode:
            raise ValueError(" ".join(missing))
        changes = self.plan(modules)
        rotation = logrotate.settle(self.run, self.params, self.sites, check_mode=check_mode)
        if not installed:
            self.exit([*changes, *rotation], ["start", "enable"])
        self.check_users()
        status = self.service.status()
        action = apache_effect.stronger(apache.action_for(changes)) if status.active else "start"
        action = action or ("reload" if reads.renewed(self.sites) else "")
        if missing:
            self.module.warn(" ".join([*missing, "So the configuration could not be tested."]))
        elif changes:
            self.try_out(changes)
        if not check_mode:
            if action:
                effect = apache_effect.Effect(self.service, self.test, self.sites, self.ports)
                effect.bring_about(changes, action, was_active=status.active)
            files.apply(rotation)
            failed = "" if status.enabled else self.service.systemctl("enable")
            if failed:
                raise RefusedError(f"Apache serves, but cannot be made to start at boot: {failed}")
        self.exit([*changes, *rotation], [action] * bool(action) + ["enable"] * (not status.enabled))

    def plan(self, modules: dict[str, apache_modules.Module | None]) -> list[files.Change]:
        """Return the changes that bring the files to the declared state.

        Raises:
            ValueError: the declarations contradict each other or the host.

        """
        params, host = self.params, apache_host.read()
        enabled = host.modules()
        declared = apache.Declared(
            self.sites,
            modules,
            self.ports,
            platform.node(),
            settings=self.wanted.settings,
            off=apache_modules.off(
                params["disabled_modules"],
                enabled if "modules" in params["purge"] else [],
                self.wanted.reasons,
                modules,
                {name: apache_host.read_module(name) for name in enabled},
            ),
            disabled_sites=params["disabled_sites"],
            purge=params["purge"],
            certificates=self.certificates(),
        )
        desired = apache.desired(declared, host)
        self.foreign = apache.foreign(host, desired)
        changes = apache.masked(files.plan(desired))
        apache.check_moves(changes, host)
        return changes

    def certificates(self) -> dict[str, files.State]:
        """Return the files of the sites' certificates; None for one that no site has any longer.

        Raises:
            ValueError: one is not fit for its site.

        """
        outcome = tls.wanted(self.sites, openssl.Tool(self.run), check_mode=self.module.check_mode)
        for warning in outcome.warnings:
            self.module.warn(warning)
        return outcome.files

    def check_users(self) -> None:
        """Check that Apache can read the lists of users of its sites, which in check mode is only worth a warning.

        Raises:
            ValueError: it can't.

        """
        unreadable = reads.unreadable(self.sites)
        if unreadable and not self.module.check_mode:
            raise ValueError(" ".join([*unreadable, "Nothing was changed."]))
        for warning in unreadable:
            self.module.warn(warning)

    def try_out(self, changes: list[files.Change]) -> None:
        """Test the changes in a copy of the configuration.

        Raises:
            RefusedError: Apache refuses them. (In check mode a missing file is only a warning.)

        """
        refused = self.test.staged(changes)
        if self.module.check_mode and re.search(r"does not exist or is empty|No such file or directory", refused):
            self.module.warn(f"a file is missing that an earlier task may yet bring: {refused}")
        elif refused:
            self.test.blame(refused)

    def exit(self, changes: list[files.Change], done: list[str]) -> NoReturn:
        """Report what was done."""
        self.module.exit_json(
            changed=bool(changes or done),
            diff=files.diff(changes) + [{"prepared": f"apache2.service: {each}\n"} for each in done],
            paths=[change.path for change in changes],
            service=done,
            foreign=self.foreign,
        )
