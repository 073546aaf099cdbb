"""The whole Apache of a host in one call: sites, modules, ports, and a service that serves them."""

from __future__ import annotations

import difflib
import glob
import os
import platform
import re
import shutil
import tempfile
from typing import NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import apache, files
from ansible.module_utils.strata.apache_service import NotServingError, Service

DOCUMENTATION = r"""
module: apache_server
short_description: Sites, modules and ports of a host's Apache
version_added: "0.1.0"
author: Strata contributors
description:
  - Brings Debian's Apache (C(/etc/apache2)) to the declared state in one call and sees to it that Apache serves it.
  - The whole change is tested in a staged copy of the configuration before a file is touched. Then the files are
    written, Apache is reloaded (restarted for new modules), and the module waits until Apache has taken the
    configuration over and every port accepts a connection. If Apache refuses or dies, the old files are put back,
    Apache is started with them, and the module fails with Apache's own message and the vhost that it is about.
  - A reload that a dead run left undone is made up for by the next run.
  - A site file with Strata's header that is no longer declared is removed with its links. Other sites are left alone,
    and no module is ever disabled.
options:
  vhosts:
    description: The sites.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Host name of the site (ServerName), also the name of its file.
        type: str
        required: true
      content:
        description: Whole text of the site's file. Without it, a static site is made from the other options.
        type: str
      docroot:
        description: Folder of a static site; required without O(vhosts[].content). It is not created.
        type: str
      port:
        description: Port that the site is served on. Apache listens on it.
        type: int
        default: 80
      serveraliases:
        description: Other names of a static site.
        type: list
        elements: str
        default: []
      priority:
        description: Number from 0 to 99 that the name of the site's file begins with; Apache reads files in this order.
        type: int
        default: 25
      origin:
        description: Where the site was declared; stands in the file's header and in messages.
        type: str
  modules:
    description: Modules to enable, together with those that they depend on.
    type: list
    elements: str
    default: []
  ports:
    description: Ports to listen on in addition to those of the sites.
    type: list
    elements: int
    default: [80]
  disabled_sites:
    description: Names (without C(.conf)) of foreign sites to disable. Their files stay in C(sites-available).
    type: list
    elements: str
    default: [000-default]
notes:
  - Supports check mode, in which the staged test runs too. A file that is missing then is only a warning, as an earlier
    task may be the one that brings it; so is a module that is missing.
  - What the staged test can't see is found later, and undone. What an absolute C(Include) of a file in C(/etc/apache2)
    names is read from the real folder, so the files are tested once more in their place. Certificates and ports are
    first used by a running Apache. The service has a C(/tmp) of its own (PrivateTmp), which no test sees.
  - Dot files except C(.well-known) are refused by C(conf-available/strata.conf), which also keeps the version out of
    answers and refuses TRACE.
"""

EXAMPLES = r"""
- name: Serve two sites
  apache_server:
    vhosts:
      - name: docs.example.org
        docroot: /srv/docs
        serveraliases: [www.docs.example.org]
      - name: review.example.org
        priority: 50
        content: |
          <VirtualHost *:80>
              ServerName review.example.org
              ProxyPass / http://127.0.0.1:8081/
          </VirtualHost>
    modules: [proxy_http]
"""

RETURN = r"""
paths:
  description: Paths that changed.
  returned: success
  type: list
  elements: str
service:
  description: What was done to the service, any of C(start), C(restart), C(reload), C(enable).
  returned: success
  type: list
  elements: str
"""

BINARY = "/usr/sbin/apache2"
OWED = "/run/strata/httpd-reload-owed"


class RefusedError(Exception):
    """Apache does not accept the declared configuration, or does not run with it."""


def read_module(name: str, root: str = apache.ROOT) -> apache.Module | None:
    """Return what mods-available says of a module, None if there is no such module."""
    base = f"{root}/mods-available/{name}"
    try:
        with open(f"{base}.load", encoding="utf-8", errors="replace") as stream:
            return apache.parse_module(stream.read(), has_conf=os.path.exists(f"{base}.conf"))
    except FileNotFoundError:
        return None


def read_owned(root: str = apache.ROOT) -> list[str]:
    """Return the names of the files in sites-available that carry our header."""
    owned = []
    for path in glob.glob(f"{root}/sites-available/*.conf"):
        with open(path, "rb") as stream:
            if stream.readline().startswith(apache.MARK.encode()):
                owned.append(os.path.basename(path))
    return owned


def read_links(root: str = apache.ROOT) -> dict[str, str]:
    """Return the links in sites-enabled, each with the name of the file in sites-available that it points to."""
    folder = os.path.realpath(f"{root}/sites-available")
    resolved = {path: os.path.realpath(path) for path in glob.glob(f"{root}/sites-enabled/*") if os.path.islink(path)}
    return {
        os.path.basename(path): os.path.basename(target)
        for path, target in resolved.items()
        if os.path.dirname(target) == folder
    }


def stage(changes: list[files.Change], target: str, root: str = apache.ROOT) -> None:
    """Make `target` a copy of the configuration in which the changes are made."""
    shutil.copytree(root, target, symlinks=True)
    files.apply(files.Change(target + change.path.removeprefix(root), None, change.after) for change in changes)


def main() -> None:
    """Bring Apache to the declared state."""
    module = AnsibleModule(
        argument_spec={
            "vhosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "content": {"type": "str"},
                    "docroot": {"type": "str"},
                    "port": {"type": "int", "default": 80},
                    "serveraliases": {"type": "list", "elements": "str", "default": []},
                    "priority": {"type": "int", "default": 25},
                    "origin": {"type": "str"},
                },
            },
            "modules": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "int", "default": [80]},
            "disabled_sites": {"type": "list", "elements": "str", "default": ["000-default"]},
        },
        supports_check_mode=True,
    )
    try:
        Apache(module).converge()
    except (RefusedError, ValueError, OSError) as error:
        module.fail_json(msg=str(error))


class Apache:
    """One run of the module: what is declared, and the tools to bring it about."""

    def __init__(self, module: AnsibleModule) -> None:
        """Read the declarations.

        Raises:
            ValueError: they are not valid.

        """
        self.module = module
        self.sites = apache.sites(module.params["vhosts"])
        self.ports = apache.all_ports(self.sites, module.params["ports"])
        self.service = Service(self.run)

    def run(self, command: list[str], **environment: str) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        return self.module.run_command(command, environ_update={"LC_ALL": "C.UTF-8", **environment})

    def converge(self) -> None:
        """Plan, test, apply, check; exits the module.

        Raises:
            RefusedError: Apache does not accept the declared configuration; what was there is back.
            ValueError: the declarations are not valid on this host.

        """
        module = self.module
        if not os.path.exists(BINARY):
            if not module.check_mode:
                raise ValueError("apache2 is not installed: the package apache2 must be there before its configuration")
            changes = self.plan(apache.close_over(module.params["modules"], read_module))
            self.exit(changes, ["start", "enable"])
        modules = apache.close_over(module.params["modules"], read_module)
        missing = [no_module(name) for name, found in sorted(modules.items()) if not found]
        if missing and not module.check_mode:
            raise ValueError(" ".join(missing))
        changes = self.plan(modules)
        status = self.service.status()
        action = self.stronger(apache.action_for(changes)) if status.active else "start"
        if changes and missing:
            module.warn(" ".join([*missing, "So the configuration could not be tested."]))
        elif changes:
            self.test_staged(changes)
        if not module.check_mode:
            if action:
                self.bring_about(changes, action, was_active=status.active)
            failed = "" if status.enabled else self.service.systemctl("enable")
            if failed:
                raise RefusedError(f"Apache serves, but cannot be made to start at boot: {failed}")
        self.exit(changes, [action] * bool(action) + ["enable"] * (not status.enabled))

    def plan(self, modules: dict[str, apache.Module | None]) -> list[files.Change]:
        """Return the changes that bring the files to the declared state.

        Raises:
            ValueError: the declarations contradict each other or the host.

        """
        enabled = {os.path.basename(path)[:-5] for path in glob.glob(f"{apache.ROOT}/mods-enabled/*.load")}
        apache.check_conflicts(modules, enabled)
        desired = apache.desired(
            self.sites,
            modules,
            self.ports,
            disabled=self.module.params["disabled_sites"],
            owned=read_owned(),
            links=read_links(),
            server_name=platform.node(),
        )
        return files.plan(desired)

    def exit(self, changes: list[files.Change], done: list[str]) -> NoReturn:
        """Report what was done."""
        diff = files.diff(changes) + [{"prepared": f"apache2.service: {each}\n"} for each in done]
        self.module.exit_json(changed=bool(done), diff=diff, paths=[change.path for change in changes], service=done)

    def stronger(self, action: str) -> str:
        """Return the action, or the one that an earlier run owes, if that is more."""
        owed = files.read(OWED)
        if owed is None:
            return action
        restart = isinstance(owed, files.File) and owed.content == owed_file("restart").content
        return "restart" if restart or action == "restart" else "reload"

    def configtest(self, root: str = apache.ROOT) -> str:
        """Return Apache's message if it refuses the configuration in `root`, else an empty string."""
        code, out, err = self.run(["apache2ctl", "-t"], APACHE_CONFDIR=root)
        return (apache.message(out + err, root) or f"configtest ends with status {code}") if code else ""

    def test_staged(self, changes: list[files.Change]) -> None:
        """Test the changes in a copy of the configuration.

        Raises:
            RefusedError: Apache refuses them. (In check mode a missing file is only a warning.)

        """
        # Below /run, because a copied private key must not reach a disk.
        with tempfile.TemporaryDirectory(prefix="strata-apache-", dir="/run") as folder:
            stage(changes, f"{folder}/apache2")
            refused = self.configtest(f"{folder}/apache2")
        if self.module.check_mode and re.search(r"does not exist or is empty|No such file or directory", refused):
            self.module.warn(f"a file is missing that an earlier task may yet bring: {refused}")
        elif refused:
            self.refuse(refused)

    def refuse(self, refused: str) -> NoReturn:
        """Say who is to blame for what configtest refused, now that the files are as before.

        Raises:
            RefusedError: always.

        """
        before, site = self.configtest(), apache.blamed(refused, self.sites)
        if before and (site is None or apache.location(before) == apache.location(refused)):
            of_site = f", the file of {site}" if site else ""
            raise RefusedError(
                "Apache's configuration was broken on this host before this run, in "
                f"{apache.location(before) or apache.ROOT}{of_site}; nothing was changed: {before}"
            )
        raise RefusedError(f"Apache refuses {site or 'the configuration'}; the files are as before: {refused}")

    def bring_about(self, changes: list[files.Change], action: str, *, was_active: bool) -> None:
        """Write the files and see to it that Apache serves them, or else put back what was there.

        Raises:
            RefusedError: Apache did not accept the changes.

        """
        mark = files.Change(OWED, files.read(OWED), owed_file("reload" if action == "reload" else "restart"))
        files.apply([mark])
        try:
            files.apply(changes)
            refused = self.configtest()
        except OSError:
            files.undo([mark, *changes])
            raise
        if refused:
            files.undo([mark, *changes])
            self.refuse(refused)
        try:
            self.service.activate(action, self.ports, self.sites)
        except NotServingError as error:
            about = " and ".join(map(str, apache.suspects(error.said, self.sites, changes)))
            fate = self.go_back(changes, was_active=was_active)
            raise RefusedError(
                f"Apache does not run with {about or 'its configuration'} ({error.what}): {error.said}\n{fate}"
            ) from error
        os.unlink(OWED)

    def go_back(self, changes: list[files.Change], *, was_active: bool) -> str:
        """Put the old files back and Apache into its old state; return a sentence about how that went."""
        files.undo(changes)
        self.service.systemctl("reset-failed")
        if not was_active:
            self.service.systemctl("stop")
            os.unlink(OWED)
            return "The files are as before, and Apache is stopped, as it was."
        try:
            # The undone change may have been the only port that it could listen on: ask for none.
            self.service.activate("restart", [], self.sites)
        except NotServingError as error:
            return f"The files are as before, but Apache does not run with them either ({error.what}): {error.said}"
        os.unlink(OWED)
        return "The files are as before, and Apache serves with them."


def owed_file(action: str) -> files.File:
    """Return the marker of an action that is owed."""
    return files.File(f"{action}\n".encode())


def no_module(name: str) -> str:
    """Return a sentence about a module that is not there."""
    known = [os.path.basename(path)[:-5] for path in glob.glob(f"{apache.ROOT}/mods-available/*.load")]
    near = "".join(f" (nearest name: {each})" for each in difflib.get_close_matches(name, known, 1))
    return f"There is no Apache module {name} on this host{near}: is its name right, is its package declared?"


if __name__ == "__main__":
    main()
