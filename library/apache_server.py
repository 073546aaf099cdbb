"""The whole Apache of a host in one call: sites, modules, ports, and a service that serves them."""

from __future__ import annotations

import os
import platform
import re
from typing import NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import apache, apache_host, files, tls, vhosts
from ansible.module_utils.strata.apache_configtest import ConfigTest, RefusedError
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
      ensure:
        description: Whether the site is there. An absent site needs no more than its name (and priority).
        type: str
        choices: [present, absent]
        default: present
      kind:
        description: What the site does; without meaning if O(vhosts[].content) is given.
        type: str
        choices: [static, redirect, proxy, uwsgi]
        default: static
      content:
        description: Whole text of the site's file. Without it, the file is made from the other options.
        type: str
      docroot:
        description: Folder of a static site, which it must have. It is not created.
        type: str
      options:
        description: What Apache may do in the folder (C(Options)).
        type: list
        elements: str
        default: [-Indexes, +SymLinksIfOwnerMatch]
      dest:
        description: URL that a redirect or proxy leads to; of uwsgi C(host:port) or the path of a socket.
        type: str
      permanent:
        description: Whether a redirect answers with 301 and not with 302.
        type: bool
        default: false
      exclusions:
        description: Paths of URLs that proxy or uwsgi leave to O(vhosts[].docroot).
        type: list
        elements: str
        default: []
      websocket:
        description: Whether a proxy lets clients change to the WebSocket protocol.
        type: bool
        default: false
      timeout:
        description: Seconds that proxy or uwsgi wait for the backend.
        type: int
      preserve_host:
        description: Whether a proxy's backend gets the client's C(Host).
        type: bool
        default: false
      port:
        description: Port that the site is served on. Apache listens on it. Default 80, of SSL 443.
        type: int
      addresses:
        description: IP addresses that the site is served on, hiding sites without addresses there. Default all.
        type: list
        elements: str
        default: []
      serveraliases:
        description: Other names of the site.
        type: list
        elements: str
        default: []
      priority:
        description: Number (0 to 99) before the name of the site's file. Default 25, of redirect and proxy 10.
        type: int
      logroot:
        description: Folder of the site's logs. It is not created.
        type: str
        default: ${APACHE_LOG_DIR}
      log_format:
        description: Format of the access log, a name or the format itself.
        type: str
        default: combined
      auth:
        description: Asks for name and password.
        type: dict
        suboptions:
          name:
            description: What browsers show (C(AuthName)).
            type: str
            required: true
          user_file:
            description: File of C(htpasswd), which the user www-data can read.
            type: str
            required: true
      ssl:
        description:
          - Whether the site speaks TLS (1.2 and later). Takes a certificate and its key as paths, as content, or
            self-signed. They are matched before anything is touched, those that O(vhosts[].content) names as well.
        type: bool
        default: false
      certificate:
        description: Path of the certificate on the host.
        type: str
      key:
        description: Path of its key.
        type: str
      chain:
        description: Path of the certificates between it and its root, if they don't stand in its own file.
        type: str
      certificate_content:
        description: The certificate itself, chain included. It is kept in C(/etc/apache2/strata-tls), for root only.
        type: str
      key_content:
        description: Its key.
        type: str
      self_signed:
        description: Whether the host makes a certificate for the site's names; it is kept until 30 days before its end.
        type: bool
        default: false
      redirect_ssl:
        description: Whether each name leads from plain HTTP on port 80 to TLS.
        type: bool
        default: false
      hsts:
        description: Seconds for which browsers shall ask over TLS only (C(max-age)); 0 sends no such header.
        type: int
        default: 0
      origin:
        description: Where the site was declared; stands in the file's header and in messages.
        type: str
  modules:
    description: Modules to enable in addition to those that the kinds of the sites need, with all they depend on.
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
      - name: app.example.org
        kind: uwsgi
        dest: /run/uwsgi/app.sock
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


def main() -> None:
    """Bring Apache to the declared state."""
    module = AnsibleModule(
        argument_spec={
            "vhosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": vhosts.OPTIONS,
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
        self.sites = vhosts.sites(module.params["vhosts"])
        self.modules = sorted({*module.params["modules"], *(name for site in self.sites for name in site.modules)})
        self.ports = apache.all_ports(self.sites, module.params["ports"])
        self.service = Service(self.run)
        self.test = ConfigTest(self.run, self.sites)

    def run(self, command: list[str], data: bytes | None = None, **environment: str) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        environment = {"LC_ALL": "C.UTF-8", **environment}
        return self.module.run_command(command, data=data, binary_data=True, environ_update=environment)

    def certificates(self) -> dict[str, files.State]:
        """Return the files of the sites' certificates; None for one that no site has any longer."""
        outcome = tls.wanted(self.sites, tls.Tool(self.run), check_mode=self.module.check_mode)
        for warning in outcome.warnings:
            self.module.warn(warning)
        return outcome.files

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
            changes = self.plan(apache.close_over(self.modules, apache_host.read_module))
            self.exit(changes, ["start", "enable"])
        modules = apache.close_over(self.modules, apache_host.read_module)
        missing = [apache_host.no_module(name) for name, found in sorted(modules.items()) if not found]
        if missing and not module.check_mode:
            raise ValueError(" ".join(missing))
        changes = self.plan(modules)
        status = self.service.status()
        action = self.stronger(apache.action_for(changes)) if status.active else "start"
        if changes and missing:
            module.warn(" ".join([*missing, "So the configuration could not be tested."]))
        elif changes:
            self.try_out(changes)
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
        apache.check_conflicts(modules, apache_host.enabled_modules())
        desired = apache.desired(
            self.sites,
            modules,
            self.ports,
            disabled=self.module.params["disabled_sites"],
            owned=apache_host.read_owned(),
            links=apache_host.read_links(),
            server_name=platform.node(),
            certificates=self.certificates(),
        )
        return apache.masked(files.plan(desired))

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

    def bring_about(self, changes: list[files.Change], action: str, *, was_active: bool) -> None:
        """Write the files and see to it that Apache serves them, or else put back what was there.

        Raises:
            RefusedError: Apache did not accept the changes.

        """
        mark = files.Change(OWED, files.read(OWED), owed_file("reload" if action == "reload" else "restart"))
        files.apply([mark])
        try:
            files.apply(changes)
            refused = self.test.refusal()
        except OSError:
            files.undo([mark, *changes])
            raise
        if refused:
            files.undo([mark, *changes])
            self.test.blame(refused)
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


if __name__ == "__main__":
    main()
