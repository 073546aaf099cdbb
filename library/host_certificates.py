"""Ansible module `host_certificates`: the TLS certificates of a host, with their keys and the roots that it trusts."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.strata.certificates import run
from ansible.module_utils.strata.quiet import QuietModule

DOCUMENTATION = r"""
module: host_certificates
short_description: The TLS certificates of a host, with their keys and the roots that it trusts
description:
  - Keeps certificates and keys in C(/etc/ssl/strata), in one call. They are given, made by the host for itself, or
    signed by the site's own CA, which is a folder of the control side. Then the host makes key and request, and the
    action plugin of the same name signs it and brings the certificate in a second call. Keys of the host don't leave
    it, nor does the CA's the control side.
  - A certificate is made anew, with a new key, when it ends soon, when its names, its key or its CA are no longer the
    wanted ones, or when it was altered. Until all that is wanted is at hand and validated, nothing is changed.
  - Units that use a changed certificate are reloaded or restarted. If that fails, all is rolled back. What a killed
    run left undone is done by the next.
  - The roots of the CA are trusted by all programs of the host (C(update-ca-certificates)), and alone they are in
    C(/etc/ssl/strata/ca.crt). Certificates and roots of this module that are no longer declared are removed.
  - C(/etc/ansible/facts.d/strata_certificates.fact) tells end, names, serial number and source of each.
options:
  certificates:
    description: The certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of its files, C(NAME.crt) and C(NAME.key).
        type: str
        required: true
      names:
        description: DNS names and IP addresses that it proves. None means the name.
        type: list
        elements: str
        default: []
      source:
        description: Where it comes from.
        type: str
        choices: [ca, self_signed, content]
        default: ca
      certificate_content:
        description: The certificate, with those between it and its root after it, of the source V(content).
        type: str
      key_content:
        description: Its private key.
        type: str
      owner:
        description: User that may read the key.
        type: str
        default: root
      group:
        description: Group that may read it too.
        type: str
      units:
        description: Units of systemd that use it. One that is not there or does not run is left alone.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the unit, with its type.
            type: str
            required: true
          action:
            description: What it needs when certificate or key changed.
            type: str
            choices: [reload, restart]
            default: reload
      origin:
        description: The variable that declares it, for messages.
        type: str
        default: certificates
  ca:
    description: Whether there is a CA of the site. It is made if it is missing. Taken by the action plugin.
    type: bool
    default: false
  ca_folder:
    description: >-
      Folder of the control side with the CA's C(ca.crt) and C(ca.key). Other C(*.crt) there are trusted too.
      Taken by the action plugin.
    type: path
  ca_name:
    description: Name of a CA that is made. Taken by the action plugin.
    type: str
    default: Internal CA
  lifetime:
    description: Days for which a new certificate is valid.
    type: int
    default: 90
  renew_before:
    description: Days before its end from which on it is made anew.
    type: int
    default: 30
  roots:
    description: What hosts trust, the CA first. Given by the action plugin.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      certificate:
        description: Certificate; nothing, in check mode, for one that is not made yet.
        type: str
        required: true
  signed:
    description: Certificates that the CA has signed, by name. Given by the action plugin.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: An owner or a program that is not there yet counts as one that an earlier task brings. No CA is made.
  diff_mode:
    support: full
    description: Keys are not shown, certificates by names, end and serial number.
author: Strata contributors
"""

EXAMPLES = r"""
- name: Configure the certificates
  host_certificates:
    certificates:
      - name: www
        names: [www.example.org, example.org]
        owner: www-data
        units:
          - name: apache2.service
      - name: local
        names: [localhost, 127.0.0.1]
        source: self_signed
    ca: true
    ca_folder: ~/.config/strata/ca
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [/etc/ssl/strata/www.crt, /etc/ssl/strata/www.key, "apache2.service: reload"]
"""

UNIT = {
    "name": {"type": "str", "required": True},
    "action": {"type": "str", "choices": ["reload", "restart"], "default": "reload"},
}
CERTIFICATE = {
    "name": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "source": {"type": "str", "choices": ["ca", "self_signed", "content"], "default": "ca"},
    "certificate_content": {"type": "str"},
    "key_content": {"type": "str", "no_log": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str"},
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "origin": {"type": "str", "default": "certificates"},
}
ROOT = {"name": {"type": "str", "required": True}, "certificate": {"type": "str", "required": True}}
ARGUMENTS: dict[str, Any] = {
    "certificates": {"type": "list", "elements": "dict", "default": [], "options": CERTIFICATE},
    "lifetime": {"type": "int", "default": 90},
    "renew_before": {"type": "int", "default": 30},
    "roots": {"type": "list", "elements": "dict", "default": [], "options": ROOT},
    "signed": {"type": "dict", "default": {}},
}


def main() -> None:
    """Run the module."""
    QuietModule(ARGUMENTS).end("certificates", run.converge)


if __name__ == "__main__":
    main()
