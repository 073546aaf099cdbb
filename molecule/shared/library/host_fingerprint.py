"""Module for the tests: a host's state as a mapping that two runs can compare."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
import zlib
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
module: host_fingerprint
short_description: A host's state as a mapping that two runs can compare
description:
  - Files with content, mode, owner and time of change; packages; units, with the process of those that run; rules.
  - It comes packed, since thousands of values cost Ansible more time than the tasks under test.
author: Strata contributors
options: {}
"""

EXAMPLES = """
- name: Take the fingerprint
  host_fingerprint:
  check_mode: false
"""

RETURN = """
fingerprint:
  description: What there is, by kind and name, as JSON that is compressed by zlib and written in base64.
  type: str
  returned: always
"""

TREES = ("/etc", "/home", "/root", "/srv", "/usr/local", "/var/lib", "/var/spool", "/var/www")

#: What changes by itself, or by being looked at.
VOLATILE = (
    "/root/.ansible",
    "/root/.cache",
    *(f"/srv/gerrit/{name}" for name in ("cache", "data", "db", "index", "logs", "tmp")),
    "/var/lib/apt/lists",
    "/var/lib/dpkg/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/private",
    "/var/lib/systemd",
)


def files() -> Iterator[tuple[str, str]]:
    """Give each path with its mode, owner, time of change and content."""
    for tree in TREES:
        for folder, folders, names in os.walk(tree):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in VOLATILE]
            for name in [*names, *folders]:
                path = os.path.join(folder, name)
                if path not in VOLATILE:
                    yield f"path {path}", describe(path)


def describe(path: str) -> str:
    """Return everything that a change of `path` would change."""
    info = os.lstat(path)
    text = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
    if stat.S_ISLNK(info.st_mode):
        return f"{text} -> {os.readlink(path)}"
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as stream:
            return f"{text} {info.st_mtime_ns} {hashlib.sha256(stream.read()).hexdigest()}"
    return text


def lines(module: AnsibleModule, *command: str) -> list[str]:
    """Return the lines that a command prints; none where the command does not exist."""
    if not shutil.which(command[0]):
        return []
    return module.run_command(list(command), check_rc=True)[1].splitlines()


def services(module: AnsibleModule) -> Iterator[tuple[str, str]]:
    """Give the enabled units, and the main process of those that run, which is another one after a restart."""
    unit_files = [line.split()[:2] for line in lines(module, "systemctl", "list-unit-files", "--no-legend", "--plain")]
    for unit, state in unit_files:
        yield f"unit {unit}", state
    enabled = [
        unit for unit, state in unit_files if state == "enabled" and unit.endswith(".service") and "@" not in unit
    ]
    shown = lines(module, "systemctl", "show", "--property=Id,MainPID", *enabled)
    for unit in "\n".join(shown).split("\n\n"):
        properties = dict(line.split("=", 1) for line in unit.splitlines())
        yield f"process of {properties['Id']}", properties["MainPID"]


def main() -> None:
    """Return the fingerprint; nothing is changed."""
    module = AnsibleModule({}, supports_check_mode=True)
    fingerprint = dict(files())
    fingerprint.update(services(module))
    for line in lines(module, "dpkg-query", "--show", "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n"):
        fingerprint[f"package {line.split()[0]}"] = line
    for program in ("iptables-save", "ip6tables-save"):
        rules = [line for line in lines(module, program) if line.startswith(("*", "-A"))]
        fingerprint[f"rules {program}"] = "\n".join(rules)
    packed = base64.b64encode(zlib.compress(json.dumps(fingerprint).encode()))
    module.exit_json(changed=False, fingerprint=packed.decode())


if __name__ == "__main__":
    main()
