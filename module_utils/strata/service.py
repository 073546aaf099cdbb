"""The files and units of one service: plan, check, apply, and go back if it fails."""

from __future__ import annotations

import fnmatch
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.strata import files
from ansible.module_utils.strata.rollback import Rollback, RollbackError, check_delay, script
from ansible.module_utils.strata.units import Systemd, Unit, UnitError, steps

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

OWED = "/var/lib/strata/owed"
UNIT_FOLDER = "/etc/systemd/system/"


class ServiceError(Exception):
    """The service cannot be brought to the declared state; the text is one sentence for the user."""


@dataclass(frozen=True)
class Commands:
    """The commands that bring a change into force, and those that bring into force what was there before."""

    there: list[list[str]]
    back: list[list[str]]


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
        self.rollback = Rollback(self.given["name"], self.run)

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and error output."""
        return self.module.run_command(command, environ_update={"LC_ALL": "C.UTF-8"})

    def converge(self) -> dict[str, Any]:
        """Plan, check, apply; return the module's result.

        Raises:
            ServiceError: it cannot be done; what was there is back.
            RollbackError: it cannot be guarded; nothing was changed.

        """
        delay = check_delay(self.given["rollback_delay"])
        settled = not self.module.check_mode and self.rollback.settle()
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
        live = self.live()
        result = self.result(changes, [*map(shlex.join, commands + live.there), *map(str, todo)])
        if result["changed"] and not self.module.check_mode:
            guard = delay if changes else 0
            self.apply(changes, Commands(commands + live.there, commands + live.back), todo, guard)
            if guard:
                result["unconfirmed"] = guard
        if settled:
            result["changed"] = True
            result["changes"].insert(0, "unconfirmed files of an earlier run taken back")
        return result

    def decide(self, *, keep: bool) -> dict[str, Any]:
        """Keep the unconfirmed files or put the old ones back; return the module's result. Raises RollbackError."""
        if not (keep and self.rollback.confirm()):
            return self.rollback.withdraw()
        self.rollback.disarm()
        return {"changed": True, "confirmed": True}

    def desired(self) -> dict[str, files.State]:
        """Return the wanted state of each path."""
        found: dict[str, files.State] = {}
        for pattern in self.given["purge"]:
            folder, name = os.path.split(pattern)
            present = os.listdir(folder) if os.path.isdir(folder) else []
            found.update({os.path.join(folder, each): None for each in present if fnmatch.fnmatch(each, name)})
        declared: dict[str, Any] = {}
        for file in self.given["files"]:
            other = declared.setdefault(file["path"], file)
            if other is not file:
                raise ServiceError(f"{label(file)} is declared twice, also by {other['origin'] or 'the same'}")
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
        try:
            uid = files.owner_id("user", file["owner"], check=self.module.check_mode)
            gid = files.owner_id("group", file["group"], check=self.module.check_mode)
        except files.OwnerError as error:
            raise ServiceError(f"{file['path']}: {error}") from None
        return files.File(given[0].encode(), mode, uid, gid, secret=file["secret_content"] is not None)

    def live(self) -> Commands:
        """Return the commands that bring live state to its declared value, and those that bring it back.

        Raises:
            ServiceError: a state cannot be read.

        """
        there, back = [], []
        for state in self.given["live"]:
            code, out, err = self.run(shlex.split(state["read"]))
            if code:
                raise ServiceError(f"{state['read']} ends with status {code}: {(err or out).strip()}")
            if out.strip() != state["value"]:
                words = shlex.split(state["write"])
                there.append([word.replace("%s", state["value"]) for word in words])
                back.append([word.replace("%s", out.strip()) for word in words])
        return Commands(there, back)

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
        wanted = {each["path"]: each for each in self.given["files"] if each["validate"]}
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            for change in changes:
                if change.path not in wanted or not isinstance(change.after, files.File):
                    continue
                words = shlex.split(wanted[change.path]["validate"])
                if self.module.check_mode and not shutil.which(words[0]):
                    continue  # an earlier task brings it
                copy = os.path.join(folder, os.path.basename(change.path))
                with open(copy, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                    stream.write(change.after.content)
                code, out, err = self.run([word.replace("%s", copy) for word in words])
                if code:
                    said = (err or out).strip().replace(copy, change.path)
                    raise ServiceError(f"{label(wanted[change.path])} is refused by {words[0]}: {said}")

    def apply(self, changes: list[files.Change], commands: Commands, todo: list[Any], guard: int) -> None:
        """Write the files, check them and take the steps; without a confirmation in `guard` seconds they are undone.

        Raises:
            ServiceError: something failed, and the old files are back.
            RollbackError: there is no guard, and nothing was changed.

        """
        if guard:
            self.rollback.arm(guard, script(files.undoing(changes) + self.undoing(commands.back)))
        mark = files.Change(self.mark, files.read(self.mark), files.File(b"", 0o600))
        files.apply([mark])
        try:
            files.apply(changes)
            self.settle(changes, [*map(shlex.split, self.given["checks"] if changes else []), *commands.there])
            for step in todo:
                self.systemd.do(step)
            if guard:
                self.rollback.require_pending(guard)
        except (ServiceError, RollbackError, UnitError, OSError) as error:
            fate = self.go_back(changes, commands.back)
            if guard:
                self.rollback.disarm()
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

    def undoing(self, commands: list[list[str]]) -> str:
        """Return the shell commands that put files in force again which are back in their places."""
        verb = {"reload": "reload-or-restart", "restart": "restart", "none": ""}[self.given["on_change"]]
        units = [["systemctl", verb, unit.name] for unit in self.units if unit.started and verb]
        return "".join(f"{shlex.join(command)} || status=1\n" for command in [*commands, *units])

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


def label(file: dict[str, Any]) -> str:
    """Return the path of a file, and the variable that asks for it, if that is known."""
    return f"{file['path']} ({file['origin']})" if file["origin"] else str(file["path"])
