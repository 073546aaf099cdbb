"""Ansible module: bring apt's settings and all packages of a host to the wanted state, in one transaction."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.apt import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: apt_transaction
short_description: Apt's sources and settings, and all packages of a host, in one transaction
description:
  - Takes all sources, keys, pins and settings of apt, and all packages that a host must have and must not have. It
    compares them with C(/etc/apt) and dpkg's database and, if something is to do, runs C(apt-get install) once.
  - On a host that is as wanted it runs C(dpkg-query), asks C(systemctl) of services that it left waiting, and takes no
    lock.
  - Changed settings are tried in a copy of C(/etc/apt) first. Apt reads them all there, and fetches and verifies the
    lists of the changed sources. Only if it accepts them do they take the place of the old ones, with their lists.
  - The transaction is simulated first. It is refused if it would remove a package that is not listed in O(absent),
    install one that is, or change the version of one that is held.
  - Names are taken as they are, never as patterns (C(apt-get) alone reads an unknown C(python3.1) as a regular
    expression).
  - If something is to do and an earlier run of dpkg was interrupted, that one is completed first. A transaction of its
    own that was killed or failed is completed in any case.
  - Services of packages that are new on the host are not started, but in the end their timers are; the others wait
    for roles, and later calls warn of those that still do. C(/usr/sbin/policy-rc.d), if the host has one, decides.
  - What it wrote is removed when it is declared no longer. C(/var/lib/strata/apt.json) remembers it.
options:
  packages:
    description:
      - Packages that must be installed.
      - A name that an installed package provides (a virtual package) counts as installed.
    type: list
    elements: dict
    default: []
    suboptions: &suboptions
      value:
        description:
          - The name of the package, with an architecture if it is not the host's own, such as V(libc6:i386).
          - In O(packages) also with a version, V(rsync=3.4.1-5) or V(rsync=3.4*), be it an older one.
        type: str
        required: true
      origin:
        description: Who asked for it, for messages.
        type: str
        default: ""
  absent:
    description: Packages that must not be installed. They are removed; their configuration files stay.
    type: list
    elements: dict
    default: []
    suboptions: *suboptions
  architectures:
    description:
      - Architectures of which dpkg takes packages beside the host's own, such as V(i386). One that is listed no longer
        goes, but not while packages of it stay.
    type: list
    elements: str
    default: []
  held:
    description: Packages whose version apt must not change by itself, if they are installed.
    type: list
    elements: dict
    default: []
    suboptions: *suboptions
  sources:
    description: Sources of packages, each a file C(/etc/apt/sources.list.d/NAME.sources).
    type: list
    elements: dict
    default: []
    suboptions:
      name: &name
        description: Name of the file.
        type: str
        required: true
      types:
        description: Kinds of archives, V(deb) and V(deb-src).
        type: list
        elements: str
        default: [deb]
      uris:
        description: Where it is. Users and passwords are refused; they belong in C(/etc/apt/auth.conf.d).
        type: list
        elements: str
        required: true
      suites:
        description: Names of distributions, or a path that ends in V(/).
        type: list
        elements: str
        required: true
      components:
        description: Sections of the distributions.
        type: list
        elements: str
        default: []
      architectures:
        description: Architectures; the host's own by default.
        type: list
        elements: str
        default: []
      signed_by:
        description: A name among O(keys), the path of a file on the host, or the key itself in ASCII armour.
        type: str
        default: ""
      trusted:
        description: Whether apt uses it without a signature, V(true), or in no case, V(false).
        type: bool
      enabled:
        description: Whether apt uses it.
        type: bool
        default: true
      fields:
        description: 'Further fields of deb822, such as C({Check-Valid-Until: "no"}).'
        type: dict
        default: {}
      origin: &origin
        description: Who asked for it, for messages.
        type: str
        default: ""
  keys:
    description: Keys of sources, each a file in C(/etc/apt/keyrings).
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      key:
        description:
          - The public key, in ASCII armour, or binary in base64. Text around its block is left out.
          - Either this or O(keys[].file) must be given.
        type: str
      file:
        description:
          - A file on the bastion with the key, ASCII or binary, absolute or relative to O(keys_root). Taken by the
            action plugin.
        type: path
      origin: *origin
  keys_root:
    description: Folder on the bastion that a relative O(keys[].file) starts from. Taken by the action plugin.
    type: path
    default: ""
  pins:
    description: Pins, each a file C(/etc/apt/preferences.d/NAME.pref).
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      packages:
        description: Names or patterns of packages.
        type: list
        elements: str
        default: ["*"]
      pin:
        description: What it is about, such as V(release n=trixie-backports).
        type: str
        required: true
      priority:
        description: The priority.
        type: int
        default: 501
      origin: *origin
  conf:
    description: Settings, each a file C(/etc/apt/apt.conf.d/NAME).
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      settings:
        description: Values by the names of settings; a list takes the place of what earlier files say.
        type: dict
        required: true
      origin: *origin
  credentials:
    description: Users and passwords of repositories, each a file C(/etc/apt/auth.conf.d/NAME.conf) for root alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the file, without points.
        type: str
        required: true
      machine:
        description: Host of the repository, perhaps with a port and the beginning of the path. Without a protocol, for
          C(https) alone.
        type: str
        required: true
      login:
        description: The user.
        type: str
        required: true
      password:
        description: The password.
        type: str
        required: true
      origin: *origin
  debconf:
    description: Answers to questions of packages, given before a package is installed. Later they have no effect.
    type: list
    elements: dict
    default: []
    suboptions:
      package:
        description: The package that asks.
        type: str
        required: true
      question:
        description: Name of the question.
        type: str
        required: true
      type:
        description: Its type.
        type: str
        choices: [boolean, multiselect, password, select, string]
        default: string
      value:
        description: The answer.
        type: str
      secret_value:
        description: The answer, if it must be kept out of diffs and logs.
        type: str
      origin: *origin
  purge:
    description: Whether to remove sources that nobody declared.
    type: bool
    default: false
  migrate:
    description:
      - Whether to turn sources in the old form of one line into today's, each with the key that signed its lists.
      - Apt must see the same packages after it. What cannot be migrated stays, with a warning.
    type: bool
    default: false
  lists_max_age:
    description:
      - The package lists are updated before an installation when they are older than this many seconds.
      - They are also updated when there are none, when a package is not known, or when a file is gone from the archive.
    type: int
    default: 86400
  lock_timeout:
    description:
      - How many seconds to wait for another process that holds one of the locks of apt or dpkg, or for another run of
        this module.
    type: int
    default: 300
  install_recommends:
    description: Whether recommended packages are installed too.
    type: bool
    default: false
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
author: Strata contributors
"""

EXAMPLES = r"""
- name: Install the packages of a web server
  apt_transaction:
    sources:
      - name: example
        uris: [https://packages.example.org/debian]
        suites: [trixie]
        components: [main]
        signed_by: /usr/share/keyrings/example.asc
    packages:
      - {value: apache2, origin: httpd__apt_packages}
      - value: rsync
    absent:
      - {value: popularity-contest, origin: apt_absent_packages}
"""

RETURN = r"""
changes:
  description:
    - What was changed, or would be in check mode. Packages are installed (+), removed (-), configured (~) or held (=).
  type: list
  elements: str
  returned: success
  sample: [/etc/apt/sources.list.d/example.sources, + rsync, "- telnet", = gzip (held)]
files:
  description: Files that were written or removed, those in C(/var/lib/strata) aside.
  type: list
  elements: str
  returned: success
foreign_sources:
  description: Files of sources that nobody declared. They are removed if O(purge) says so.
  type: list
  elements: str
  returned: success
migrated_sources:
  description: Files of sources in the old form that were migrated.
  type: list
  elements: str
  returned: success
installed:
  description:
    - Packages that were installed, upgraded or configured, dependencies included, each with its version.
    - In check mode, what apt's simulation says, or the wanted names alone if lists would be updated or sources change;
      a removal of what nobody wants absent is refused all the same.
  type: dict
  returned: success
  sample: {rsync: 3.4.1+ds1-5, libpopt0: 1.19+dfsg-2}
removed:
  description: Packages that were removed, each with the version it had.
  type: dict
  returned: success
  sample: {popularity-contest: "1.77"}
timers:
  description: Timers of packages that are new on the host, which were started.
  type: list
  elements: str
  returned: success
  sample: [logrotate.timer]
waiting_units:
  description:
    - Enabled services, sockets and paths of new packages, also of earlier calls, which nobody has started yet. They
      start when roles start them, or at boot.
  type: list
  elements: str
  returned: success
"""


_TEXT: dict[str, Any] = {"type": "str", "default": ""}
_NAME: dict[str, Any] = {"type": "str", "required": True}
_WORDS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
_ITEMS: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
_WISHES = {**_ITEMS, "options": {"value": _NAME, "origin": _TEXT}}
_SOURCE = {
    "name": _NAME,
    "types": {**_WORDS, "default": ["deb"]},
    "uris": {"type": "list", "elements": "str", "required": True},
    "suites": {"type": "list", "elements": "str", "required": True},
    "components": _WORDS,
    "architectures": _WORDS,
    "signed_by": _TEXT,
    "trusted": {"type": "bool"},
    "enabled": {"type": "bool", "default": True},
    "fields": {"type": "dict", "default": {}},
    "origin": _TEXT,
}
_KEY = {"name": _NAME, "key": {"type": "str", "no_log": False}, "origin": _TEXT}
_PIN = {
    "name": _NAME,
    "packages": {**_WORDS, "default": ["*"]},
    "pin": _NAME,
    "priority": {"type": "int", "default": 501},
    "origin": _TEXT,
}
_CONF = {"name": _NAME, "settings": {"type": "dict", "required": True}, "origin": _TEXT}
_CREDENTIALS = {
    "name": _NAME,
    "machine": _NAME,
    "login": _NAME,
    "password": {"type": "str", "required": True, "no_log": True},
    "origin": _TEXT,
}
_ANSWER = {
    "package": _NAME,
    "question": _NAME,
    "type": {"type": "str", "choices": ["boolean", "multiselect", "password", "select", "string"], "default": "string"},
    "value": {"type": "str"},
    "secret_value": {"type": "str", "no_log": True},
    "origin": _TEXT,
}
ARGUMENTS: dict[str, Any] = {
    "packages": _WISHES,
    "absent": _WISHES,
    "held": _WISHES,
    "architectures": _WORDS,
    "sources": {**_ITEMS, "options": _SOURCE},
    "keys": {**_ITEMS, "options": _KEY, "no_log": False},
    "pins": {**_ITEMS, "options": _PIN},
    "conf": {**_ITEMS, "options": _CONF},
    "credentials": {**_ITEMS, "options": _CREDENTIALS},
    "debconf": {**_ITEMS, "options": _ANSWER},
    "purge": {"type": "bool", "default": False},
    "migrate": {"type": "bool", "default": False},
    "lists_max_age": {"type": "int", "default": 86400},
    "lock_timeout": {"type": "int", "default": 300},
    "install_recommends": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module."""
    module = QuietModule(ARGUMENTS)
    module.end("apt", run.converge, patience=module.params["lock_timeout"])


if __name__ == "__main__":
    main()
