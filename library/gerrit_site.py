"""The whole Gerrit of a host in one call: WAR, plugins, configuration, files, and a service that answers."""

from __future__ import annotations

from ansible.module_utils.strata.gerrit import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: gerrit_site
short_description: The whole Gerrit of a host
version_added: "0.1.0"
author: Strata contributors
description:
  - Brings a Gerrit to the declared state in one call, and sees to it that it answers over HTTP and SSH.
  - Everything that is declared is checked, and everything that is missing fetched, before the site is touched. If
    C(init), the start or a plugin fails, or Gerrit doesn't answer, what was there before is back (the WAR, plugins,
    configuration and the repositories that C(init) migrates), Gerrit serves with it, and the module fails with what
    Gerrit said. What a killed run left undone is done by the next one.
  - Repositories that have changed since C(init) migrated them stay as they are, and the message says where those from
    before are. Root follows no link below the site that Gerrit's user has made.
  - C(init) runs when the site has not had that of this very WAR, C(reindex) when Gerrit says that it lacks an index.
    Other new versions of an index are made by Gerrit itself while it serves.
  - Gerrit restarts when one of its configuration files, the unit, a library or the WAR changes. Where nothing but
    comment links changes, it takes them over by C(gerrit reload-config) on its SSH. It loads changed plugins by itself,
    which is waited for; it is restarted if it doesn't (C(plugins.checkFrequency) is 0), or when its last plugin goes.
    Hooks, static files, and the site's header, footer and style never need a restart.
  - What C(init) makes once, C(gerrit.serverId) and the keys for tokens, is kept, unless it is declared.
options:
  site:
    description: Folder of the site, the home of O(user).
    type: path
    required: true
  user:
    description: User that Gerrit runs as.
    type: str
    required: true
  group:
    description: Group of that user.
    type: str
    required: true
  java:
    description: Program that runs Gerrit.
    type: path
    default: /usr/bin/java
  war:
    description: The WAR.
    type: dict
    required: true
    suboptions:
      url:
        description: Where the host downloads it from, over HTTP or HTTPS.
        type: str
      path:
        description:
          - Where it is on the control side, which sends it only to a host that lacks it. Taken by the action plugin.
        type: str
      sha256:
        description: Its hash, which O(war.url) must have.
        type: str
  plugins:
    description: The plugins; others are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the plugin, and of its file.
        type: str
        required: true
      core:
        description: Whether it comes out of the WAR, and has neither URL nor path.
        type: bool
        default: false
      url:
        description: Where the host downloads it from, over HTTP or HTTPS.
        type: str
      path:
        description: Where it is on the control side. Taken by the action plugin.
        type: str
      sha256:
        description: Its hash, which O(plugins[].url) must have.
        type: str
  libs:
    description: Libraries; others are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of its file, without C(.jar).
        type: str
        required: true
      url:
        description: Where the host downloads it from, over HTTP or HTTPS.
        type: str
      path:
        description: Where it is on the control side. Taken by the action plugin.
        type: str
      sha256:
        description: Its hash, which O(libs[].url) must have.
        type: str
  config:
    description:
      - C(gerrit.config), sections with their keys. A list is a key that is there several times, a dictionary is a
        subsection, null a key without a value. Keys of secrets are refused.
    type: dict
    default: {}
  secure_config:
    description: C(secure.config), in the same form. It never stands in a diff or a log.
    type: dict
    default: {}
  plugin_configs:
    description: Further files C(etc/NAME.config), in the same form, by their names.
    type: dict
    default: {}
  files:
    description: Further files below C(etc), C(static), C(hooks) and C(.ssh). One that is declared no longer is removed.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is below the site.
        type: str
        required: true
      content:
        description: The whole content.
        type: str
      secret_content:
        description: The whole content, if it must be kept out of diffs and logs.
        type: str
      mode:
        description: Mode, octal and in quotes. By default C(0644), of a secret C(0600).
        type: str
      origin:
        description: The variable that asks for the file, for messages.
        type: str
  unit:
    description: Text of the unit C(gerrit.service).
    type: str
    required: true
  patience:
    description: Seconds that Gerrit may take to answer after it was started.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Nothing is fetched. A user or a Java that is not there yet counts as one that an earlier task brings.
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Configure Gerrit
  gerrit_site:
    site: /srv/gerrit
    user: gerrit
    group: gerrit
    war:
      url: https://downloads.example.org/gerrit-3.13.5.war
      sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    plugins:
      - name: replication
        core: true
    config:
      gerrit:
        canonicalWebUrl: https://review.example.org/
      httpd:
        listenUrl: proxy-https://127.0.0.1:8081/
      cache:
        web_sessions:
          maxAge: 1 month
    unit: "{{ lookup('ansible.builtin.template', 'gerrit.service.j2') }}"
"""

RETURN = r"""
ansible_facts:
  description: For the role known_hosts, where Gerrit's own SSH server listens, and its public keys.
  type: dict
  returned: success
  sample: {ssh_services: [{port: 29418, keys: [ssh-ed25519 AAAA...]}]}
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [/srv/gerrit/etc/gerrit.config, "gerrit.service: restart"]
missing:
  description: Hashes of files that neither the host has nor a URL. Taken by the action plugin, which sends them.
  type: list
  elements: str
  returned: when nothing could be done without them
folder:
  description: Where it sends them to, under their hashes. Taken by the action plugin.
  type: path
  returned: when nothing could be done without them
"""

#: Another run may be in the middle of an upgrade.
PATIENCE = 900

TEXT = {"type": "str"}
NAMED = {"name": {"type": "str", "required": True}}
SOURCE = {"url": TEXT, "sha256": TEXT}
FILE = {
    "path": {"type": "str", "required": True},
    "content": TEXT,
    "secret_content": {"type": "str", "no_log": True},
    "mode": {"type": "str"},
    "origin": TEXT,
}
ARGUMENTS = {
    "site": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "java": {"type": "path", "default": "/usr/bin/java"},
    "war": {"type": "dict", "required": True, "options": SOURCE},
    "plugins": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**NAMED, **SOURCE, "core": {"type": "bool", "default": False}},
    },
    "libs": {"type": "list", "elements": "dict", "default": [], "options": {**NAMED, **SOURCE}},
    "config": {"type": "dict", "default": {}},
    "secure_config": {"type": "dict", "default": {}, "no_log": True},
    "plugin_configs": {"type": "dict", "default": {}},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "unit": {"type": "str", "required": True},
    "patience": {"type": "int", "default": 300},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end("gerrit", run.converge, PATIENCE)


if __name__ == "__main__":
    main()
