"""The whole Apache of a host in one call: sites, modules, ports, and a service that serves them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.apache import run
from ansible.module_utils.strata.apache.checks import LOGROOT
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: apache_server
short_description: Sites, modules and ports of a host's Apache
version_added: "0.1.0"
author: Strata contributors
description:
  - Brings Debian's Apache (C(/etc/apache2)) to the declared state in one call and sees to it that Apache serves it.
  - The whole change is tested in a staged copy of the configuration before a file is touched. Then the files are
    written, Apache is reloaded (restarted for new modules), and the module waits until Apache has taken the
    configuration over and every port accepts a connection. If Apache refuses or dies, the change is rolled back,
    Apache is started with the old files, and the module fails with Apache's own message and the vhost that it is about.
  - A reload that a killed run still owed is done by the next run.
  - A site file with Strata's header that is no longer declared is removed with its links. What others have enabled is
    left alone and named in RV(ignore:foreign), unless O(purge) says otherwise.
  - A certificate, key or authority whose file was renewed since Apache read it makes Apache reload.
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
        description:
          - URL that a redirect or proxy leads to, of proxy C(http), C(https), C(ws) or C(wss); of uwsgi C(host:port) or
            the path of a socket. C(ws) and C(wss) are C(http) and C(https) with O(vhosts[].websocket).
          - A proxy's socket is in front of its URL, as in C(unix:/run/app.sock|http://localhost/), whose name the
            backend gets as C(Host). The user www-data must be able to write to it.
          - A redirect keeps the path that is asked for, unless its URL has a query, or a dot in what follows its last
            slash - then it is a page, to which all leads.
        type: str
      dest_ca:
        description:
          - Path of the certificates that prove a proxy's backend of C(https). Default those of the package
            ca-certificates.
        type: str
      dest_verify:
        description: Whether a backend of C(https) must prove its name and be valid.
        type: bool
        default: true
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
        description:
          - Port that the site is served on. Apache listens on it. Default 80, of SSL 443, of a C(content) the ports
            that it names.
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
            description:
              - File of C(htpasswd). It must be there, and the user www-data must be able to read it. Both hold as well
                for those that O(vhosts[].content) names.
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
    description:
      - Modules to enable in addition to those that the kinds of the sites need, with all they depend on. Each is a
        name, or a dictionary with C(name), and with C(conf), text that Apache reads after the module and only while it
        is declared. C(package) is for others to install, and C(origin) says where it was declared.
    type: list
    elements: raw
    default: []
  disabled_modules:
    description:
      - Modules to disable. One that a site, a declared module or a module of this host needs is an error.
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
  purge:
    description:
      - Which things that are enabled and not declared are disabled, wherever they came from. What is in C(*-available)
        stays, and a file that stands itself where a link should be moves there.
      - Of modules, those that a declared one or Strata's own settings need stay, and the C(mpm_*) unless another one is
        declared. What foreign sites and confs need is found out by the staged test.
    type: list
    elements: str
    choices: [sites, modules, confs]
    default: []
  logrotate_options:
    description:
      - Lines for C(/etc/logrotate.d/apache2), which covers C(/var/log/apache2/*.log) and all other logs that the sites
        name. Logrotate tests the file before anything is touched. Without it, that file is left alone.
    type: list
    elements: str
  logrotate_firstaction:
    description: Shell commands before all rotation.
    type: str
  logrotate_prerotate:
    description: Shell commands before logs are rotated, after those of C(/etc/logrotate.d/httpd-prerotate).
    type: str
  logrotate_postrotate:
    description: Shell commands after logs were rotated and Apache was reloaded.
    type: str
  logrotate_lastaction:
    description: Shell commands after all rotation.
    type: str
notes:
  - Supports check mode, in which the staged test runs too. A file that is missing then is only a warning, as an earlier
    task may be the one that brings it; so is a module that is missing.
  - What the staged test can't see is found later, and undone. What an absolute C(Include) of a file in C(/etc/apache2)
    names is read from the real folder, so the files are tested once more in their place. Certificates and ports are
    first used by a running Apache. The service has a C(/tmp) of its own (PrivateTmp), which no test sees.
  - C(conf-available/strata.conf) refuses dot files except C(.well-known), listings in C(/var/www) and TRACE, keeps the
    version out of answers, and drops the header C(Proxy).
  - In check mode a module whose package is missing counts as enabled, as Debian's packages enable their modules.
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
    modules:
      - rewrite
      - name: status
        conf: ExtendedStatus Off
    purge: [sites]
    logrotate_options: [weekly, rotate 8, compress, delaycompress, missingok, create 640 root adm]
"""

RETURN = r"""
changes:
  description: What changed, as lines for people, the paths and what was done to C(apache2.service).
  returned: success
  type: list
  elements: str
  sample: ["/etc/apache2/sites-enabled/25-docs.example.org.conf", "apache2.service: reload"]
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
foreign:
  description: Paths in C(/etc/apache2) that Apache reads though they are not declared, after what was purged.
  returned: success
  type: list
  elements: str
"""

VHOST: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "ensure": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "kind": {"type": "str", "choices": ["static", "redirect", "proxy", "uwsgi"], "default": "static"},
    "content": {"type": "str"},
    "docroot": {"type": "str"},
    "options": {"type": "list", "elements": "str", "default": ["-Indexes", "+SymLinksIfOwnerMatch"]},
    "dest": {"type": "str"},
    "dest_ca": {"type": "str"},
    "dest_verify": {"type": "bool", "default": True},
    "permanent": {"type": "bool", "default": False},
    "exclusions": {"type": "list", "elements": "str", "default": []},
    "websocket": {"type": "bool", "default": False},
    "timeout": {"type": "int"},
    "preserve_host": {"type": "bool", "default": False},
    "port": {"type": "int"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "serveraliases": {"type": "list", "elements": "str", "default": []},
    "priority": {"type": "int"},
    "logroot": {"type": "str", "default": LOGROOT},
    "log_format": {"type": "str", "default": "combined"},
    "auth": {
        "type": "dict",
        "options": {"name": {"type": "str", "required": True}, "user_file": {"type": "str", "required": True}},
    },
    "ssl": {"type": "bool", "default": False},
    "certificate": {"type": "str"},
    "key": {"type": "str", "no_log": False},
    "chain": {"type": "str"},
    "certificate_content": {"type": "str", "no_log": True},
    "key_content": {"type": "str", "no_log": True},
    "self_signed": {"type": "bool", "default": False},
    "redirect_ssl": {"type": "bool", "default": False},
    "hsts": {"type": "int", "default": 0},
    "origin": {"type": "str"},
}
ARGUMENTS: dict[str, Any] = {
    "vhosts": {"type": "list", "elements": "dict", "default": [], "options": VHOST},
    "modules": {"type": "list", "elements": "raw", "default": []},
    "disabled_modules": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int", "default": [80]},
    "disabled_sites": {"type": "list", "elements": "str", "default": ["000-default"]},
    "purge": {"type": "list", "elements": "str", "choices": ["sites", "modules", "confs"], "default": []},
    "logrotate_options": {"type": "list", "elements": "str"},
    "logrotate_firstaction": {"type": "str"},
    "logrotate_prerotate": {"type": "str"},
    "logrotate_postrotate": {"type": "str"},
    "logrotate_lastaction": {"type": "str"},
}


def main() -> None:
    """Bring Apache to the declared state."""
    QuietModule(ARGUMENTS).end("httpd", run.converge)


if __name__ == "__main__":
    main()
