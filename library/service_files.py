"""Ansible module `service_files`: the files of one service, and its units in the state that fits them."""

from __future__ import annotations

import fnmatch
import grp
import os
import pwd
import shlex
import shutil
import tempfile
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.strata import files, locks
from ansible.module_utils.strata.units import Systemd, Unit, UnitError, steps

DOCUMENTATION = r"""
module: service_files
short_description: The files of one service, and its units in the state that fits them
description:
  - Writes the files of a service, checks them, and starts, restarts or reloads its units, in one call.
  - Each file is checked before it is put in its place (O(files[].validate)), and all of them together after that
    (O(checks)). If a check, a command or a unit fails, the old files are put back, the units are brought back to run
    with them, and the module fails with what the program said.
  - A unit whose process is older than its files is restarted, and what a killed run left undone (a reload, a command)
    is done by the next.
options:
  name:
    description: Name of the service, under which the module remembers what it owes.
    type: str
    required: true
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the file is. Missing folders above it are made.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
      secret_content:
        description: The whole content, if it must be kept out of diffs and logs.
        type: str
      link:
        description: What the path is a symbolic link to, instead of a file; it must be there.
        type: path
      ensure:
        description: Whether the file is there.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: Mode, octal and in quotes.
        type: str
        default: "0644"
      owner:
        description: Owner, name or number.
        type: str
        default: root
      group:
        description: Group, name or number.
        type: str
        default: root
      validate:
        description: Command, run without a shell, that accepts a copy of the file, C(%s), before it gets in its place.
        type: str
  purge:
    description: Shell patterns of further files that are removed unless they are among O(files).
    type: list
    elements: str
    default: []
  checks:
    description: Commands, run without a shell, that must accept the files in their places.
    type: list
    elements: str
    default: []
  commands:
    description: Commands, run without a shell, that bring changed files into force, such as C(newaliases).
    type: list
    elements: str
    default: []
  units:
    description: Units of systemd.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit, with its type, such as C(ssh.service).
        type: str
        required: true
      started:
        description: Whether it runs.
        type: bool
        default: true
      enabled:
        description: Whether it starts at boot. Default as O(units[].started).
        type: bool
  on_change:
    description: What running units need when files changed.
    type: str
    choices: [restart, reload, none]
    default: restart
attributes:
  check_mode:
    support: full
    description: A unit or a user that is not there yet counts as one that an earlier task brings.
  diff_mode:
    support: full
author: Strata contributors
"""

EXAMPLES = r"""
- name: Settle the resolver
  service_files:
    name: unbound
    files:
      - path: /etc/unbound/unbound.conf.d/strata.conf
        content: "{{ lookup('ansible.builtin.template', 'strata.conf.j2') }}"
    checks: [unbound-checkconf]
    units:
      - name: unbound.service
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [/etc/unbound/unbound.conf.d/strata.conf, "unbound.service: restart"]
"""

OWED = "/var/lib/strata/owed"
UNIT_FOLDER = "/etc/systemd/system/"


class ServiceError(Exception):
    """The service cannot be brought to the declared state; the text is one sentence for the user."""


class DiscreetModule(AnsibleModule):
    """A module whose parameters don't get into the host's log, where Ansible masks no secret inside a list."""

    def _log_invocation(self) -> None:
        """Log nothing."""


class Service:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take the parameters."""
        self.module = module
        self.given = module.params
        self.systemd = Systemd(self.run)
        self.units = [
            Unit(each["name"], each["started"], each["started"] if each["enabled"] is None else each["enabled"])
            for each in self.given["units"]
        ]
        self.mark = os.path.join(OWED, self.given["name"])

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        return self.module.run_command(command, environ_update={"LC_ALL": "C.UTF-8"})

    def converge(self) -> dict[str, Any]:
        """Plan, check, apply; return the module's result.

        Raises:
            ServiceError: it cannot be done; what was there is back.

        """
        changes = files.plan(self.desired())
        owed = os.path.exists(self.mark)
        status = self.systemd.status([unit.name for unit in self.units])
        absent = [name for name, found in status.items() if not found.there]
        if absent and not self.module.check_mode:
            # Only a unit file of our own may bring a unit that is not there.
            absent = [name for name in absent if not any(c.path == UNIT_FOLDER + name for c in changes)]
            if absent:
                raise ServiceError(f"there is no unit {absent[0]} on this host: install its package first")
        due = bool(changes) or owed
        todo = steps(self.units, status, on_change=self.given["on_change"], due=due, newest=self.newest())
        self.validate(changes)
        commands = [shlex.split(command) for command in self.given["commands"]] if due else []
        result = self.result(changes, [*map(shlex.join, commands), *map(str, todo)])
        if result["changed"] and not self.module.check_mode:
            self.apply(changes, commands, todo)
        return result

    def desired(self) -> dict[str, files.State]:
        """Return the wanted state of each path."""
        found: dict[str, files.State] = {}
        for pattern in self.given["purge"]:
            folder, name = os.path.split(pattern)
            present = os.listdir(folder) if os.path.isdir(folder) else []
            found.update({os.path.join(folder, each): None for each in present if fnmatch.fnmatch(each, name)})
        for file in self.given["files"]:
            found[file["path"]] = self.file(file) if file["ensure"] == "present" else None
        return found

    def file(self, file: dict[str, Any]) -> files.File | files.Link:
        """Return one file as it shall be."""
        given = [text for text in (file["content"], file["secret_content"], file["link"]) if text is not None]
        if len(given) != 1:
            raise ServiceError(f"{file['path']}: needs either content, secret_content or link")
        if file["link"] is not None:
            if not self.module.check_mode and not os.path.exists(os.path.join(os.path.dirname(file["path"]), given[0])):
                raise ServiceError(f"{file['path']}: there is no {given[0]} on this host")
            return files.Link(given[0])
        try:
            mode = int(file["mode"], 8)
        except ValueError:
            raise ServiceError(f"{file['path']}: mode {file['mode']!r} must be octal, such as '0644'") from None
        uid, gid = (self.number(file["path"], what, file[what]) for what in ("owner", "group"))
        return files.File(given[0].encode(), mode, uid, gid, secret=file["secret_content"] is not None)

    def number(self, path: str, what: str, name: str) -> int:
        """Return the number of an owner or group; -1, which no file has, if check mode finds none."""
        if name.isdecimal():
            return int(name)
        try:
            return pwd.getpwnam(name).pw_uid if what == "owner" else grp.getgrnam(name).gr_gid
        except KeyError:
            if self.module.check_mode:
                return -1
            raise ServiceError(f"{path}: there is no {what} {name} on this host") from None

    def newest(self) -> float:
        """Return when the newest of the files was written; one from the future does not count."""
        now = time.time()
        times = [os.stat(each["path"]).st_mtime for each in self.given["files"] if os.path.exists(each["path"])]
        return max((each for each in times if each <= now), default=0)

    def validate(self, changes: list[files.Change]) -> None:
        """Let each changed file be checked in a place of its own.

        Raises:
            ServiceError: one is refused.

        """
        wanted = {each["path"]: each["validate"] for each in self.given["files"] if each["validate"]}
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            for change in changes:
                if change.path not in wanted or not isinstance(change.after, files.File):
                    continue
                words = shlex.split(wanted[change.path])
                if self.module.check_mode and not shutil.which(words[0]):
                    continue  # an earlier task brings it
                copy = os.path.join(folder, os.path.basename(change.path))
                with open(copy, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                    stream.write(change.after.content)
                code, out, err = self.run([word.replace("%s", copy) for word in words])
                if code:
                    said = (err or out).strip().replace(copy, change.path)
                    raise ServiceError(f"{change.path} is refused by {words[0]}: {said}")

    def apply(self, changes: list[files.Change], commands: list[list[str]], todo: list[Any]) -> None:
        """Write the files, check them and take the steps.

        Raises:
            ServiceError: something failed, and the old files are back.

        """
        mark = files.Change(self.mark, files.read(self.mark), files.File(b"", 0o600))
        files.apply([mark])
        try:
            files.apply(changes)
            self.settle(changes, [*map(shlex.split, self.given["checks"] if changes else []), *commands])
            for step in todo:
                self.systemd.do(step)
        except (ServiceError, UnitError, OSError) as error:
            fate = self.go_back(changes, commands)
            raise ServiceError(f"{error}; {fate}") from error
        self.forget()

    def settle(self, changes: list[files.Change], commands: list[list[str]]) -> None:
        """Make systemd read changed units, and run commands that must succeed."""
        if any(change.path.startswith(UNIT_FOLDER) for change in changes):
            self.systemd.reload_manager()
        for command in commands:
            code, out, err = self.run(command)
            if code:
                raise ServiceError(f"{shlex.join(command)} ends with status {code}: {(err or out).strip()}")

    def go_back(self, changes: list[files.Change], commands: list[list[str]]) -> str:
        """Put the old files in force again; return a sentence about how that went."""
        files.undo(changes)
        try:
            self.settle(changes, commands)
            status = self.systemd.status([unit.name for unit in self.units])
            restart = steps(self.units, status, on_change=self.given["on_change"], due=True, newest=0)
            for step in restart:
                self.systemd.do(step)
        except (ServiceError, UnitError) as error:
            return f"the old files are back, but the service does not run with them either: {error}"
        self.forget()
        return "the old files are back in force" if changes else "nothing else was changed"

    def forget(self) -> None:
        """Forget what was owed."""
        os.unlink(self.mark)
        if not os.listdir(OWED):
            os.rmdir(OWED)

    def result(self, changes: list[files.Change], done: list[str]) -> dict[str, Any]:
        """Return the module's result."""
        diff = files.diff(changes) + [{"prepared": f"{each}\n"} for each in done]
        names = [change.path for change in changes] + done
        return {"changed": bool(names), "changes": names, "diff": diff}


def main() -> None:
    """Run the module."""
    file = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str"},
        "secret_content": {"type": "str", "no_log": True},
        "link": {"type": "path"},
        "ensure": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "mode": {"type": "str", "default": "0644"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "validate": {"type": "str"},
    }
    unit = {
        "name": {"type": "str", "required": True},
        "started": {"type": "bool", "default": True},
        "enabled": {"type": "bool"},
    }
    module = DiscreetModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file},
            "purge": {"type": "list", "elements": "str", "default": []},
            "checks": {"type": "list", "elements": "str", "default": []},
            "commands": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "dict", "default": [], "options": unit},
            "on_change": {"type": "str", "choices": ["restart", "reload", "none"], "default": "restart"},
        },
        supports_check_mode=True,
    )
    try:
        with locks.alone(module.params["name"], check_mode=module.check_mode):
            result = Service(module).converge()
    except (ServiceError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
